//! Who says who somebody is: a user pool that stands in for the corporate identity provider, or the provider itself.

use super::Blueprint;
use crate::plan::{Plan, USER_NAME_CLAIM};
use crate::resource::user_pool::{PasswordPolicy, UserPool, issuer};
use crate::resource::user_pool_client::UserPoolClient;
use crate::resource::user_pool_user::UserPoolUser;
use crate::resource::{Ref, Set, Text};

/// What the portal has to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SignIn {
    /// Who signs tokens.
    pub issuer: Text,
    /// Whom they are made for.
    pub audience: Text,
    /// The claim that names the user.
    pub user_claim: String,
    /// Whether it is a user pool, by whose API users sign in.
    pub is_pool: bool,
}

/// Adds the lab's own pool, its client and a user for each of the domain's, where the plan names no other provider.
pub fn add(blueprint: &mut Blueprint, plan: &Plan) -> SignIn {
    let given = &plan.sign_in;
    let user_claim = given.user_claim.clone().unwrap_or_else(|| USER_NAME_CLAIM.into());
    let existing = given.issuer.clone().or(given.pool.as_deref().map(issuer));
    if let (Some(issuer), Some(audience)) = (existing, given.audience.as_ref().or(given.client.as_ref())) {
        let is_pool = given.issuer.is_none();
        return SignIn { issuer: Text::known(issuer), audience: Text::known(audience), user_claim, is_pool };
    }
    let name = blueprint.lab.user_pool.clone();
    let pool = blueprint.add("sign-in/pool", &name, pool(&name));
    let client = blueprint.add("sign-in/client", "", client(&pool));
    if plan.domain.enabled {
        for user in plan.domain.users.iter().map(|user| user.to_lowercase()) {
            let address = format!("sign-in/user/{user}");
            let user = UserPoolUser { user_pool: pool.clone(), name: user, enabled: true };
            blueprint.add(&address, "", user);
        }
    }
    SignIn { issuer: pool.output("issuer").as_text(), audience: client.as_text(), user_claim, is_pool: true }
}

/// Nobody is in it but whom an administrator put there, and it has no sign-in pages: those are on the internet, and a
/// pool that has them can't be used through an endpoint.
fn pool(name: &str) -> UserPool {
    let password_policy = PasswordPolicy {
        minimum_length: 12,
        uppercase: true,
        lowercase: true,
        numbers: true,
        symbols: true,
        temporary_days: 7,
    };
    UserPool {
        name: name.to_owned(),
        // As SageMaker has it with the names of user profiles.
        case_sensitive: false,
        admin_create_only: true,
        password_policy,
        mfa: "OFF".into(),
        recovery: Set::from(vec!["admin_only".into()]),
        deletion_protection: false,
        tier: "ESSENTIALS".into(),
        triggers: Set::default(),
        domains: Set::default(),
    }
}

/// What the portal's page signs users in by. It runs in a browser, where a secret is none.
fn client(pool: &Ref<UserPool>) -> UserPoolClient {
    UserPoolClient {
        user_pool: pool.clone(),
        name: "portal".into(),
        secret: false,
        auth_flows: Set::from(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"].map(String::from).to_vec()),
        id_token_seconds: 3600,
        access_token_seconds: 3600,
        refresh_token_seconds: 24 * 3600,
        hides_users: true,
        token_revocation: true,
        oauth_flows: Set::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::blueprint;
    use crate::plan::{Source, parse};
    use crate::resource::LabName;
    use crate::survey::lab_name;

    fn added(text: &str) -> (Vec<String>, SignIn) {
        let text = format!("name = \"demo\"\n[sign_in]\nenabled = true\n{text}");
        let plan = parse(&Source { name: "test".into(), text }).unwrap();
        let lab: LabName = lab_name("demo", "eu-west-1");
        let mut blueprint = Blueprint::empty(lab);
        let sign_in = add(&mut blueprint, &plan);
        (blueprint.iter().map(|desired| desired.address.to_string()).collect(), sign_in)
    }

    #[test]
    fn a_pool_of_the_labs_own_knows_the_users_of_the_domain() {
        let domain =
            "[domain]\nenabled = true\nusers = [\"alice\", \"Bob\"]\n[[studio.endpoints]]\nservice = \"studio\"";
        let (addresses, sign_in) = added(domain);
        assert_eq!(addresses, ["sign-in/pool", "sign-in/client", "sign-in/user/alice", "sign-in/user/bob"]);
        assert_eq!(sign_in.user_claim, "cognito:username");
        assert_eq!(added("").0, ["sign-in/pool", "sign-in/client"]);
    }

    #[test]
    fn an_existing_provider_is_only_named() {
        let (addresses, sign_in) = added("pool = \"eu-west-1_A\"\nclient = \"c\"");
        assert_eq!(addresses, [""; 0]);
        assert_eq!(sign_in.issuer.text(), "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A");
        assert_eq!((sign_in.audience.text().as_str(), sign_in.user_claim.as_str()), ("c", "cognito:username"));
        let (_, sign_in) = added("issuer = \"https://a.example\"\naudience = \"api\"\nuser_claim = \"email\"");
        assert_eq!(sign_in.issuer.text(), "https://a.example");
        assert_eq!((sign_in.audience.text().as_str(), sign_in.user_claim.as_str()), ("api", "email"));
    }

    #[test]
    fn nobody_signs_in_where_the_plan_does_not_ask_for_it() {
        let drawn = blueprint("name = \"demo\"");
        assert!(!drawn.iter().any(|desired| desired.address.as_str().starts_with("sign-in")));
    }
}
