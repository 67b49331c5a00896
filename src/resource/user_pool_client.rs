//! An app client of a user pool: what users sign in by, and whom their tokens are made for.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-client-apps.html>.
//!
//! Nothing makes its name unique: two of one name may stand.

use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType, OAuthFlowType, PreventUserExistenceErrorTypes, TimeUnitsType, TokenValidityUnitsType,
    UserPoolClientType,
};
use futures::future;
use serde::{Deserialize, Serialize};

use super::user_pool::{PAGE, SERVICE, UserPool};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Set, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;
const DAY: i32 = 24 * HOUR;

/// What an app client is. An update leaves nothing out, since what it leaves out gets AWS's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPoolClient {
    /// The pool it is in.
    pub user_pool: Ref<UserPool>,
    /// What people call it.
    pub name: String,
    /// Whether it has a secret, which a page in a browser can't keep. Said once, at its creation.
    pub secret: bool,
    /// The ways to sign in: `ALLOW_USER_PASSWORD_AUTH`.
    pub auth_flows: Set<String>,
    /// How long an ID token is good, in whole minutes.
    pub id_token_seconds: i32,
    /// How long an access token is good, in whole minutes.
    pub access_token_seconds: i32,
    /// How long a refresh token is good, in whole minutes.
    pub refresh_token_seconds: i32,
    /// Whether nobody is told that a user doesn't exist.
    pub hides_users: bool,
    /// Whether tokens can be revoked.
    pub token_revocation: bool,
    /// The flows of OAuth by which a pool's sign-in pages give tokens.
    pub oauth_flows: Set<String>,
}

impl Resource for UserPoolClient {
    const IN_PLACE: &'static [&'static str] = &[
        "auth_flows",
        "id_token_seconds",
        "access_token_seconds",
        "refresh_token_seconds",
        "hides_users",
        "token_revocation",
        "oauth_flows",
    ];
    const OWNERS: &'static [&'static str] = &["user_pool"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "CreateUserPoolClient",
        change: "UpdateUserPoolClient",
        delete: "DeleteUserPoolClient",
    };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.user_pool.text(), self.name))
    }

    fn excludes(&self, _other: &Self) -> bool {
        false
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let pool = self.user_pool.id()?;
        let answer = aws
            .write(SERVICE, "CreateUserPoolClient", || {
                let call = aws.cognito.create_user_pool_client().user_pool_id(pool).client_name(&self.name);
                let call = call.generate_secret(self.secret).set_explicit_auth_flows(Some(self.auth_flows()));
                let call = call.id_token_validity(self.id_token_seconds / MINUTE);
                let call = call.access_token_validity(self.access_token_seconds / MINUTE);
                let call = call.refresh_token_validity(self.refresh_token_seconds / MINUTE);
                let call = call.token_validity_units(in_minutes()).enable_token_revocation(self.token_revocation);
                let call = call.prevent_user_existence_errors(self.existence_errors());
                let call = call.set_allowed_o_auth_flows(self.oauth_flows());
                call.allowed_o_auth_flows_user_pool_client(!self.oauth_flows.is_empty()).send()
            })
            .await?;
        let id = answer.user_pool_client().and_then(UserPoolClientType::client_id).unwrap_or_default();
        Ok(Observed::standing(id, Tags::new(), self.clone()))
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        let pool = self.user_pool.id()?;
        aws.write(SERVICE, "UpdateUserPoolClient", || {
            let call = aws.cognito.update_user_pool_client().user_pool_id(pool).client_id(&from.id);
            let call = call.client_name(&self.name).set_explicit_auth_flows(Some(self.auth_flows()));
            let call = call.id_token_validity(self.id_token_seconds / MINUTE);
            let call = call.access_token_validity(self.access_token_seconds / MINUTE);
            let call = call.refresh_token_validity(self.refresh_token_seconds / MINUTE);
            let call = call.token_validity_units(in_minutes()).enable_token_revocation(self.token_revocation);
            let call = call.prevent_user_existence_errors(self.existence_errors());
            let call = call.set_allowed_o_auth_flows(self.oauth_flows());
            call.allowed_o_auth_flows_user_pool_client(!self.oauth_flows.is_empty()).send()
        })
        .await
        .map(drop)
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::UserPoolClient(client) = &observed.spec else { return Ok(()) };
        let pool = client.user_pool.id()?;
        let call = || aws.cognito.delete_user_pool_client().user_pool_id(pool).client_id(&observed.id).send();
        aws.write(SERVICE, "DeleteUserPoolClient", call).await.map(drop)
    }
}

impl UserPoolClient {
    fn auth_flows(&self) -> Vec<ExplicitAuthFlowsType> {
        self.auth_flows.iter().map(|flow| ExplicitAuthFlowsType::from(flow.as_str())).collect()
    }

    fn existence_errors(&self) -> PreventUserExistenceErrorTypes {
        use PreventUserExistenceErrorTypes::{Enabled, Legacy};
        if self.hides_users { Enabled } else { Legacy }
    }

    fn oauth_flows(&self) -> Option<Vec<OAuthFlowType>> {
        let flows = self.oauth_flows.iter().map(|flow| OAuthFlowType::from(flow.as_str()));
        (!self.oauth_flows.is_empty()).then(|| flows.collect())
    }
}

fn in_minutes() -> TokenValidityUnitsType {
    use TimeUnitsType::Minutes;
    TokenValidityUnitsType::builder().id_token(Minutes).access_token(Minutes).refresh_token(Minutes).build()
}

/// A validity in seconds; AWS means an hour, or thirty days, where nothing is said.
fn seconds(number: i32, unit: Option<&TimeUnitsType>, by_default: i32) -> i32 {
    let unit = match unit {
        Some(TimeUnitsType::Seconds) => 1,
        Some(TimeUnitsType::Minutes) => MINUTE,
        Some(TimeUnitsType::Hours) => HOUR,
        Some(TimeUnitsType::Days) => DAY,
        _ => by_default,
    };
    number.saturating_mul(unit)
}

/// The clients of a pool, each with its description.
///
/// # Errors
/// The list, or one of the clients, could not be read.
pub(super) async fn of_pool(aws: &Aws, pool: &str) -> Result<Vec<Observed>, Failure> {
    let listed = aws
        .read_pages(SERVICE, "ListUserPoolClients", |next| {
            let call = aws.cognito.list_user_pool_clients().user_pool_id(pool).max_results(PAGE);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.user_pool_clients.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    let clients = future::join_all(listed.into_iter().filter_map(|client| client.client_id).map(async |id| {
        let call = || aws.cognito.describe_user_pool_client().user_pool_id(pool).client_id(&id).send();
        match aws.read_listed(SERVICE, "DescribeUserPoolClient", call).await {
            Ok(answer) => Ok(answer.user_pool_client().and_then(|client| read(pool, client))),
            // Gone meanwhile.
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }));
    Ok(clients.await.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn read(pool: &str, client: &UserPoolClientType) -> Option<Observed> {
    let units = client.token_validity_units();
    let short = |validity: Option<i32>, unit: Option<&TimeUnitsType>| match validity {
        Some(number) if number > 0 => seconds(number, unit, HOUR),
        _ => HOUR,
    };
    let refresh = match client.refresh_token_validity() {
        0 => 30 * DAY,
        number => seconds(number, units.and_then(TokenValidityUnitsType::refresh_token), DAY),
    };
    let oauth = client.allowed_o_auth_flows_user_pool_client() == Some(true);
    let spec = UserPoolClient {
        user_pool: Ref::known(pool),
        name: client.client_name().unwrap_or_default().to_owned(),
        secret: client.client_secret().is_some(),
        auth_flows: client.explicit_auth_flows().iter().map(|flow| flow.as_str().to_owned()).collect(),
        id_token_seconds: short(client.id_token_validity(), units.and_then(TokenValidityUnitsType::id_token)),
        access_token_seconds: short(
            client.access_token_validity(),
            units.and_then(TokenValidityUnitsType::access_token),
        ),
        refresh_token_seconds: refresh,
        hides_users: client.prevent_user_existence_errors() == Some(&PreventUserExistenceErrorTypes::Enabled),
        token_revocation: client.enable_token_revocation().unwrap_or(false),
        oauth_flows: client
            .allowed_o_auth_flows()
            .iter()
            .filter(|_| oauth)
            .map(|flow| flow.as_str().to_owned())
            .collect(),
    };
    Some(Observed::standing(client.client_id()?, Tags::new(), spec))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validities(client: UserPoolClientType) -> (i32, i32, i32) {
        let Spec::UserPoolClient(client) = read("p", &client).unwrap().spec else { unreachable!() };
        (client.id_token_seconds, client.access_token_seconds, client.refresh_token_seconds)
    }

    #[test]
    fn validities_are_the_same_in_whatever_unit() {
        let client = || UserPoolClientType::builder().client_id("c");
        assert_eq!(validities(client().build()), (HOUR, HOUR, 30 * DAY));
        let one = client().id_token_validity(60).access_token_validity(60).refresh_token_validity(1440);
        assert_eq!(validities(one.token_validity_units(in_minutes()).build()), (HOUR, HOUR, DAY));
        let plain = client().id_token_validity(2).refresh_token_validity(1).build();
        assert_eq!(validities(plain), (2 * HOUR, HOUR, DAY));
    }
}
