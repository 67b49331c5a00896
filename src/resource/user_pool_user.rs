//! A user of a user pool: <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users.html>.
//! Its id is the pool's and the name; its state says whether the user has a password of their own yet.
//!
//! No password passes through here: Cognito makes one that nobody is told, and an administrator sets another.

use aws_sdk_cognitoidentityprovider::types::MessageActionType;
use serde::{Deserialize, Serialize};

use super::user_pool::{PAGE, SERVICE, UserPool};
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Failure};

/// What a user is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserPoolUser {
    /// The pool that knows them.
    pub user_pool: Ref<UserPool>,
    /// Unique in the pool. One that takes no notice of case has it in lower case.
    pub name: String,
    /// Whether they may sign in.
    pub enabled: bool,
}

impl Resource for UserPoolUser {
    const IN_PLACE: &'static [&'static str] = &["enabled"];
    const OWNERS: &'static [&'static str] = &["user_pool"];
    const VANISHES: bool = true;
    const TAGGED: bool = false;
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "AdminCreateUser",
        change: "AdminEnableUser",
        delete: "AdminDeleteUser",
    };
    const SECONDS: Seconds = Seconds { create: 0.5, delete: 0.5 };

    fn natural_key(&self) -> Option<String> {
        Some(format!("{} {}", self.user_pool.text(), self.name.to_lowercase()))
    }

    async fn create(&self, aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let pool = self.user_pool.id()?;
        let answer = aws
            .write(SERVICE, "AdminCreateUser", || {
                let call = aws.cognito.admin_create_user().user_pool_id(pool).username(&self.name);
                call.message_action(MessageActionType::Suppress).send()
            })
            .await?;
        let state = answer.user().and_then(|user| user.user_status());
        let state = state.map_or("FORCE_CHANGE_PASSWORD", |status| status.as_str());
        Ok(Observed { state: state.to_owned(), ..Observed::standing(id(pool, &self.name), Tags::new(), self.clone()) })
    }

    async fn change(&self, aws: &Aws, _from: &Observed) -> Result<(), Failure> {
        let pool = self.user_pool.id()?;
        if self.enabled {
            let call = || aws.cognito.admin_enable_user().user_pool_id(pool).username(&self.name).send();
            aws.write(SERVICE, "AdminEnableUser", call).await.map(drop)
        } else {
            let call = || aws.cognito.admin_disable_user().user_pool_id(pool).username(&self.name).send();
            aws.write(SERVICE, "AdminDisableUser", call).await.map(drop)
        }
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let Spec::UserPoolUser(user) = &observed.spec else { return Ok(()) };
        let pool = user.user_pool.id()?;
        let call = || aws.cognito.admin_delete_user().user_pool_id(pool).username(&user.name).send();
        aws.write(SERVICE, "AdminDeleteUser", call).await.map(drop)
    }
}

fn id(pool: &str, name: &str) -> String {
    format!("{pool} {name}")
}

/// The users of a pool.
///
/// # Errors
/// The list could not be read.
pub(super) async fn of_pool(aws: &Aws, pool: &str) -> Result<Vec<Observed>, Failure> {
    let users = aws
        .read_pages(SERVICE, "ListUsers", |next| {
            let call = aws.cognito.list_users().user_pool_id(pool).limit(PAGE).set_pagination_token(next);
            async { call.send().await.map(|page| (page.users.unwrap_or_default(), page.pagination_token)) }
        })
        .await?;
    let read = |user: &aws_sdk_cognitoidentityprovider::types::UserType| {
        let name = user.username()?;
        let spec = UserPoolUser { user_pool: Ref::known(pool), name: name.to_owned(), enabled: user.enabled() };
        let mut observed = Observed::standing(id(pool, name), Tags::new(), spec);
        observed.state = user.user_status().map_or("", |status| status.as_str()).to_owned();
        Some(observed)
    };
    Ok(users.iter().filter_map(read).collect())
}
