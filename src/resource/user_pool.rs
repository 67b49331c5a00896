//! A Cognito user pool, which stands in for the corporate identity provider:
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools.html>.
//! Outputs `arn` and `issuer`.
//!
//! Nothing makes its name unique: two of one name may stand.

use aws_sdk_cognitoidentityprovider::types::{
    AccountRecoverySettingType, AdminCreateUserConfigType, DeletionProtectionType, IssuerConfigurationType, IssuerType,
    LambdaConfigType, PasswordPolicyType, RecoveryOptionNameType, RecoveryOptionType, UserPoolMfaType,
    UserPoolPolicyType, UserPoolTierType, UserPoolType, UsernameConfigurationType,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::{
    Creation, Kind, Listing, Observed, Operations, Query, Resource, Seconds, Set, Spec, user_pool_client,
    user_pool_user,
};
use crate::aws::partition::dns_suffix;
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

pub(crate) const SERVICE: &str = "cognito-idp";

/// The most that Cognito puts on a page.
pub(super) const PAGE: i32 = 60;

/// What a user pool is. An update leaves nothing out, since what it leaves out gets AWS's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPool {
    /// How its lab is known where lists carry no tags.
    pub name: String,
    /// Whether names that differ in case only are two users'. Said once, at its creation.
    pub case_sensitive: bool,
    /// Whether nobody signs up by themselves.
    pub admin_create_only: bool,
    /// What passwords must have.
    pub password_policy: PasswordPolicy,
    /// `OFF`, `ON` or `OPTIONAL`.
    pub mfa: String,
    /// How a forgotten password is replaced: `admin_only`, `verified_email`, `verified_phone_number`.
    pub recovery: Set<String>,
    /// Whether it can't be deleted before that is taken back.
    pub deletion_protection: bool,
    /// The feature plan, by which it is billed: `LITE`, `ESSENTIALS` or `PLUS`.
    pub tier: String,
    /// The ARNs of the functions that it asks, which may let in whom it doesn't know.
    pub triggers: Set<String>,
    /// The names of its sign-in pages. With one, it can't be used through an endpoint any more.
    pub domains: Set<String>,
}

/// What passwords must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Characters, at least.
    pub minimum_length: i32,
    /// Whether one of them is an upper-case letter.
    pub uppercase: bool,
    /// Whether one of them is a lower-case letter.
    pub lowercase: bool,
    /// Whether one of them is a digit.
    pub numbers: bool,
    /// Whether one of them is neither letter nor digit.
    pub symbols: bool,
    /// For how many days a password that somebody else chose is good.
    pub temporary_days: i32,
}

impl Resource for UserPool {
    const IN_PLACE: &'static [&'static str] = &[
        "admin_create_only",
        "password_policy",
        "mfa",
        "recovery",
        "deletion_protection",
        "tier",
        "triggers",
        "domains",
    ];
    const ROOT: bool = true;
    const OPERATIONS: Operations =
        Operations { service: SERVICE, create: "CreateUserPool", change: "UpdateUserPool", delete: "DeleteUserPool" };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    fn natural_key(&self) -> Option<String> {
        Some(self.name.clone())
    }

    fn excludes(&self, _other: &Self) -> bool {
        false
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let (recovery, cased) = (self.recovery()?, self.username_configuration()?);
        let answer = aws
            .write(SERVICE, "CreateUserPool", || {
                let call = aws.cognito.create_user_pool().pool_name(&self.name);
                let call = call.username_configuration(cased.clone()).admin_create_user_config(self.admin_config());
                let call = call.policies(self.policies()).mfa_configuration(self.mfa());
                let call = call.set_account_recovery_setting(recovery.clone()).user_pool_tier(self.tier());
                let call = call.deletion_protection(self.protection());
                call.set_user_pool_tags(Some(with.tags.clone().into_iter().collect())).send()
            })
            .await?;
        let pool = answer.user_pool();
        let id = pool.and_then(UserPoolType::id).unwrap_or_default();
        let mut observed = Observed::standing(id, with.tags.clone(), self.clone());
        pool.inspect(|pool| outputs(&mut observed, pool));
        Ok(observed)
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let Spec::UserPool(now) = &from.spec else { return Ok(()) };
        remove_domains(aws, &from.id, now).await?;
        let rest = Self { domains: self.domains.clone(), ..now.clone() };
        if rest == *self { Ok(()) } else { self.update(aws, from).await }
    }

    /// Where somebody gave it a domain or protected it, that goes first.
    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.cognito.delete_user_pool().user_pool_id(&observed.id).send();
        match aws.write(SERVICE, "DeleteUserPool", call).await {
            Err(failure) if failure.class == Class::InUse => release(aws, &observed.id).await?,
            answer => return answer.map(drop),
        }
        aws.write(SERVICE, "DeleteUserPool", call).await.map(drop)
    }

    async fn tag(aws: &Aws, id: &str, tags: &Tags) -> Result<(), Failure> {
        let Some(pool) = describe(aws, id).await? else { return Ok(()) };
        let arn = pool.output("arn").unwrap_or_default();
        aws.write(SERVICE, "TagResource", || {
            aws.cognito.tag_resource().resource_arn(arn).set_tags(Some(tags.clone().into_iter().collect())).send()
        })
        .await
        .map(drop)
    }
}

impl UserPool {
    /// Says all that can be changed, tags included.
    async fn update(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let recovery = self.recovery()?;
        // Those it has now: they may have been changed since it was surveyed.
        let now = describe(aws, &from.id).await?;
        let tags: Tags = from.tags.clone().into_iter().chain(now.map(|now| now.tags).unwrap_or_default()).collect();
        aws.write(SERVICE, "UpdateUserPool", || {
            let call = aws.cognito.update_user_pool().user_pool_id(&from.id);
            let call = call.admin_create_user_config(self.admin_config());
            let call = call.policies(self.policies()).mfa_configuration(self.mfa());
            let call = call.set_account_recovery_setting(recovery.clone()).user_pool_tier(self.tier());
            let call = call.deletion_protection(self.protection());
            call.set_user_pool_tags(Some(tags.clone().into_iter().collect())).send()
        })
        .await
        .map(drop)
    }

    fn username_configuration(&self) -> Result<UsernameConfigurationType, Failure> {
        UsernameConfigurationType::builder().case_sensitive(self.case_sensitive).build().map_err(incomplete)
    }

    fn admin_config(&self) -> AdminCreateUserConfigType {
        AdminCreateUserConfigType::builder().allow_admin_create_user_only(self.admin_create_only).build()
    }

    fn policies(&self) -> UserPoolPolicyType {
        let PasswordPolicy { minimum_length, uppercase, lowercase, numbers, symbols, temporary_days } =
            self.password_policy;
        let policy = PasswordPolicyType::builder().minimum_length(minimum_length);
        let policy = policy.require_uppercase(uppercase).require_lowercase(lowercase);
        let policy = policy.require_numbers(numbers).require_symbols(symbols);
        let policy = policy.temporary_password_validity_days(temporary_days).build();
        UserPoolPolicyType::builder().password_policy(policy).build()
    }

    fn mfa(&self) -> UserPoolMfaType {
        UserPoolMfaType::from(self.mfa.as_str())
    }

    /// What AWS is told of it: an empty list is refused, and without one there is none.
    fn recovery(&self) -> Result<Option<AccountRecoverySettingType>, Failure> {
        if self.recovery.is_empty() {
            return Ok(None);
        }
        let option = |(name, priority): (&String, i32)| {
            let name = RecoveryOptionNameType::from(name.as_str());
            RecoveryOptionType::builder().name(name).priority(priority).build()
        };
        let options = self.recovery.iter().zip(1..).map(option).collect::<Result<Vec<_>, _>>().map_err(incomplete)?;
        Ok(Some(AccountRecoverySettingType::builder().set_recovery_mechanisms(Some(options)).build()))
    }

    fn protection(&self) -> DeletionProtectionType {
        if self.deletion_protection { DeletionProtectionType::Active } else { DeletionProtectionType::Inactive }
    }

    fn tier(&self) -> UserPoolTierType {
        UserPoolTierType::from(self.tier.as_str())
    }
}

fn incomplete(error: impl std::fmt::Display) -> Failure {
    Failure::here("UserPool", Class::Wrong, error.to_string())
}

/// Takes off what keeps a pool from being deleted.
async fn release(aws: &Aws, id: &str) -> Result<(), Failure> {
    let Some(observed) = describe(aws, id).await? else { return Ok(()) };
    let Spec::UserPool(now) = &observed.spec else { return Ok(()) };
    remove_domains(aws, id, now).await?;
    if now.deletion_protection {
        UserPool { deletion_protection: false, ..now.clone() }.update(aws, &observed).await?;
    }
    Ok(())
}

async fn remove_domains(aws: &Aws, id: &str, pool: &UserPool) -> Result<(), Failure> {
    for domain in pool.domains.iter() {
        let call = || aws.cognito.delete_user_pool_domain().user_pool_id(id).domain(domain).send();
        match aws.write(SERVICE, "DeleteUserPoolDomain", call).await {
            Err(failure) if failure.class != Class::NotFound => return Err(failure),
            _ => {}
        }
    }
    Ok(())
}

/// Who a pool's tokens say that they are from:
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html>.
pub fn issuer(id: &str) -> String {
    let region = id.split('_').next().unwrap_or_default();
    format!("https://{SERVICE}.{region}.{}/{id}", dns_suffix(region))
}

fn outputs(observed: &mut Observed, pool: &UserPoolType) {
    let mut issuer = issuer(&observed.id);
    // Such a pool's tokens say so: <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html>.
    if pool.issuer_configuration().and_then(IssuerConfigurationType::r#type) == Some(&IssuerType::Updated) {
        issuer = issuer.replacen("//", "//issuer-", 1);
    }
    observed.outputs.insert("arn".into(), pool.arn().unwrap_or_default().to_owned());
    observed.outputs.insert("issuer".into(), issuer);
}

/// A pool that a list just showed, or that stood a moment ago.
async fn describe(aws: &Aws, id: &str) -> Result<Option<Observed>, Failure> {
    let call = || aws.cognito.describe_user_pool().user_pool_id(id).send();
    let answer = aws.read_listed(SERVICE, "DescribeUserPool", call).await?;
    Ok(answer.user_pool().and_then(read))
}

fn read(pool: &UserPoolType) -> Option<Observed> {
    let policy = pool.policies().and_then(UserPoolPolicyType::password_policy);
    let has = |part: fn(&PasswordPolicyType) -> bool| policy.is_some_and(part);
    let recovery = pool.account_recovery_setting().map(AccountRecoverySettingType::recovery_mechanisms);
    let spec = UserPool {
        name: pool.name().unwrap_or_default().to_owned(),
        case_sensitive: pool.username_configuration().is_none_or(UsernameConfigurationType::case_sensitive),
        admin_create_only: pool
            .admin_create_user_config()
            .is_some_and(AdminCreateUserConfigType::allow_admin_create_user_only),
        password_policy: PasswordPolicy {
            minimum_length: policy.and_then(PasswordPolicyType::minimum_length).unwrap_or_default(),
            uppercase: has(PasswordPolicyType::require_uppercase),
            lowercase: has(PasswordPolicyType::require_lowercase),
            numbers: has(PasswordPolicyType::require_numbers),
            symbols: has(PasswordPolicyType::require_symbols),
            temporary_days: policy.map_or(0, PasswordPolicyType::temporary_password_validity_days),
        },
        mfa: pool.mfa_configuration().map_or("OFF", UserPoolMfaType::as_str).to_owned(),
        recovery: recovery.unwrap_or_default().iter().map(|option| option.name().as_str().to_owned()).collect(),
        deletion_protection: pool.deletion_protection() == Some(&DeletionProtectionType::Active),
        tier: pool.user_pool_tier().map_or("", UserPoolTierType::as_str).to_owned(),
        triggers: pool.lambda_config().map(triggers).unwrap_or_default(),
        domains: [pool.domain(), pool.custom_domain()].into_iter().flatten().map(str::to_owned).collect(),
    };
    let tags = pool.user_pool_tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut observed = Observed::standing(pool.id()?, tags, spec);
    outputs(&mut observed, pool);
    if pool.user_pool_tier().is_none() {
        observed.unread.push("tier".into());
    }
    Some(observed)
}

fn triggers(config: &LambdaConfigType) -> Set<String> {
    let plain = [
        config.pre_sign_up(),
        config.custom_message(),
        config.post_confirmation(),
        config.pre_authentication(),
        config.post_authentication(),
        config.define_auth_challenge(),
        config.create_auth_challenge(),
        config.verify_auth_challenge_response(),
        config.pre_token_generation(),
        config.user_migration(),
        config.pre_token_generation_config().map(|trigger| trigger.lambda_arn()),
        config.custom_sms_sender().map(|trigger| trigger.lambda_arn()),
        config.custom_email_sender().map(|trigger| trigger.lambda_arn()),
    ];
    plain.into_iter().flatten().filter(|arn| !arn.is_empty()).map(str::to_owned).collect()
}

/// Lists the pools of the lab's name with their clients and users: for each pool its description, and two lists; for
/// each client its description.
///
/// # Errors
/// The list itself could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let ids = match query {
        Query::Lab(lab) => named(aws, &lab.user_pool).await?,
        Query::Ids(ids) => ids.clone(),
        Query::Inside(_) => Vec::new(),
    };
    let mut listing = Listing::default();
    for pool in future::join_all(ids.iter().map(|id| one(aws, id))).await {
        listing.found.extend(pool.found);
        listing.unreadable.extend(pool.unreadable);
    }
    Ok(listing)
}

async fn named(aws: &Aws, name: &str) -> Result<Vec<String>, Failure> {
    let pools = aws
        .read_pages(SERVICE, "ListUserPools", |next| {
            let call = aws.cognito.list_user_pools().max_results(PAGE).set_next_token(next);
            async { call.send().await.map(|page| (page.user_pools.unwrap_or_default(), page.next_token)) }
        })
        .await?;
    let named = pools.into_iter().filter(|pool| pool.name() == Some(name));
    Ok(named.filter_map(|pool| pool.id).collect())
}

async fn one(aws: &Aws, id: &str) -> Listing {
    let pool = async { Ok(describe(aws, id).await?.into_iter().collect::<Vec<_>>()) };
    let (pool, clients, users) =
        future::join3(pool, user_pool_client::of_pool(aws, id), user_pool_user::of_pool(aws, id)).await;
    let mut listing = Listing::default();
    for (kind, found) in [(Kind::UserPool, pool), (Kind::UserPoolClient, clients), (Kind::UserPoolUser, users)] {
        match found {
            Ok(found) => listing.found.extend(found),
            // Gone between the list and the look.
            Err(failure) if failure.class == Class::NotFound => {}
            Err(failure) => listing.unreadable.push((kind, failure)),
        }
    }
    listing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_where_its_pool_is() {
        assert_eq!(issuer("eu-west-1_AbCdEf123"), "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123");
        assert_eq!(issuer("cn-north-1_a"), "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_a");
    }

    #[test]
    fn a_pool_may_have_its_issuer_elsewhere() {
        let updated = IssuerConfigurationType::builder().r#type(IssuerType::Updated).build();
        let pool = UserPoolType::builder().id("eu-west-1_a").issuer_configuration(updated).build();
        let issuer = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a";
        assert_eq!(read(&pool).unwrap().output("issuer"), Some(issuer));
    }

    #[test]
    fn a_pool_that_says_nothing_of_case_and_plan_is_as_awss_of_old() {
        let observed = read(&UserPoolType::builder().id("eu-west-1_a").build()).unwrap();
        let Spec::UserPool(pool) = &observed.spec else { unreachable!() };
        assert!(pool.case_sensitive && !pool.admin_create_only);
        assert_eq!(pool.mfa, "OFF");
        assert_eq!(observed.unread, ["tier"], "where there are no feature plans, there is none to compare");
    }

    #[test]
    fn domains_and_functions_are_seen_in_whatever_form_they_come() {
        let config = LambdaConfigType::builder().user_migration("arn:f").pre_sign_up("arn:g").build();
        let pool = UserPoolType::builder().id("eu-west-1_a").lambda_config(config);
        let observed = read(&pool.domain("mine").custom_domain("auth.example.com").build()).unwrap();
        let Spec::UserPool(pool) = &observed.spec else { unreachable!() };
        assert_eq!(pool.triggers, Set::from(vec!["arn:f".to_owned(), "arn:g".to_owned()]));
        assert_eq!(pool.domains, Set::from(vec!["auth.example.com".to_owned(), "mine".to_owned()]));
    }
}
