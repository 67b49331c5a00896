//! The way of a user to Studio by a lab's portal, as the portal's page goes it: where the portal is, an ID token of
//! theirs, and the URL that it is given for.

use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
use ipnet::Ipv4Net;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::aws::connect::{Corporate, Target};
use crate::aws::failure::printable;
use crate::aws::https::{Get, Unreached};
use crate::aws::services::dns_zones;
use crate::aws::{Aws, Failure, Place};
use crate::engine::holdings::Holdings;
use crate::engine::portal;
use crate::engine::view::View;
use crate::model::names::is_within;
use crate::password::Secret;
use crate::plan::Plan;
use crate::portal::Program;
use crate::report::events;
use crate::report::sign_in::set_password_command;
use crate::resource::user_pool::SERVICE;
use crate::resource::{Kind, Observed, Spec, log_group};

/// Where a token is taken from that was got elsewhere.
pub const TOKEN: &str = "BREEZEWAY_TOKEN";

/// What a browser leaves as it is in a part of a path: `encodeURIComponent`.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Why Studio stays closed: a sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Closed {
    /// What is so.
    pub sentence: String,
    /// What to do about it, where there is something.
    pub hint: Option<String>,
}

impl Closed {
    fn new(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: Some(hint.into()) }
    }
}

impl From<&Failure> for Closed {
    fn from(failure: &Failure) -> Self {
        Self { sentence: failure.to_string(), hint: events::hint(failure) }
    }
}

/// Who signs users in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// A Cognito user pool, by its API.
    Pool {
        /// The id of the pool.
        pool: String,
        /// The id of the client that tokens are made for.
        client: String,
    },
    /// Any other: it signs in browsers only.
    Other {
        /// Its address.
        issuer: String,
    },
}

/// A lab's portal, for one of its users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// The lab.
    pub lab: String,
    /// The user, as the pool and the mapping table have them: in lower case.
    pub user: String,
    /// `https://…/portal`
    pub address: String,
    /// Who signs its users in.
    pub provider: Provider,
    /// Within how many seconds a URL has to be opened.
    pub expires_seconds: u32,
    /// Whether the pool says that the user has no password of their own.
    lacks_password: bool,
    /// The VPC that the portal's door is in.
    network: Ipv4Net,
    region: String,
    /// Whether it is in the sandbox.
    rehearsed: bool,
    /// The flags that lead to the lab, each after a space.
    flags: String,
}

impl Portal {
    /// The portal of a lab that looks like this, for a user; `flags` lead to the lab.
    ///
    /// # Errors
    /// The lab has none, or nothing there for this user.
    pub fn of(view: &View, place: &Place, user: &str, flags: &str) -> Result<Self, Closed> {
        let lab = view.blueprint.lab.name.clone();
        let user = user.to_lowercase();
        let Some(record) = &view.record else {
            let sentence = format!("The record of `{lab}` is missing: whether it has a portal is unknown");
            return Err(Closed::new(sentence, "`breezeway up` with its plan writes it."));
        };
        let plan = &record.plan;
        if !plan.portal.enabled {
            let hint = "enabled = true in [portal] of its plan asks for one; `breezeway check` says what that needs.";
            return Err(Closed::new(format!("The plan of `{lab}` has no portal"), hint));
        }
        let holdings = view.holdings();
        let missing = |kinds: &[Kind], sentence: String| {
            let unreadable = kinds.iter().find_map(|kind| view.survey.why_unreadable(*kind));
            let hint = || format!("`breezeway up {lab}{flags}` makes what is missing.");
            unreadable.map_or_else(|| Closed::new(sentence, hint()), Closed::from)
        };
        let address = portal::address(&holdings).ok_or_else(|| {
            missing(&[Kind::RestApi, Kind::ApiStage], format!("The portal of `{lab}` isn't there, or not all of it"))
        })?;
        let provider = provider(plan, &holdings).ok_or_else(|| {
            let kinds = [Kind::UserPool, Kind::UserPoolClient];
            missing(&kinds, format!("The user pool of `{lab}` isn't there, or the client that users sign in by"))
        })?;
        check_profile(view, &user, &missing)?;
        Ok(Self {
            lacks_password: lacks_password(view, &user),
            address,
            provider,
            expires_seconds: plan.portal.url_expires_seconds,
            network: plan.studio.cidr,
            region: place.region.clone(),
            rehearsed: place.target == Target::Sandbox.name(),
            flags: flags.to_owned(),
            lab,
            user,
        })
    }

    /// An ID token of the user, by their password.
    ///
    /// # Errors
    /// The provider takes no password from us, or not this one, or wants more than that.
    pub async fn sign_in(&self, aws: &Aws, password: &Secret) -> Result<Secret, Closed> {
        let Provider::Pool { client, .. } = &self.provider else { return Err(self.needs_token()) };
        let call = || {
            let call = aws.cognito.initiate_auth().auth_flow(AuthFlowType::UserPasswordAuth).client_id(client);
            call.auth_parameters("USERNAME", &self.user).auth_parameters("PASSWORD", password.reveal()).send()
        };
        let answer = aws.write(SERVICE, "InitiateAuth", call).await.map_err(|failure| {
            // Nobody promises that what is refused isn't quoted.
            let message = failure.message.replace(password.reveal(), "…");
            self.not_signed_in(&Failure { message, ..failure })
        })?;
        let token = answer.authentication_result().and_then(|result| result.id_token());
        let challenge = || answer.challenge_name().map_or("more than a password", |challenge| challenge.as_str());
        token.map(|token| Secret::from(token.to_owned())).ok_or_else(|| self.challenged(challenge()))
    }

    /// The URL that opens Studio for whom the token names; `given` says that they brought the token along.
    ///
    /// # Errors
    /// The portal can't be reached from here, refuses, or fails.
    pub async fn ask(&self, corporate: &Corporate, token: &Secret, given: bool) -> Result<Secret, Closed> {
        let get = Get { url: &self.url_of_user(), token, network: self.network, lab: &self.lab };
        let answer = corporate.get(&get).await.map_err(|unreached| self.unreached(&unreached))?;
        match answer.status {
            200 => studio_url(answer.body.reveal(), &self.region).ok_or_else(|| self.no_url()),
            status => Err(self.refused(status, answer.body.reveal(), given)),
        }
    }

    /// What the provider has to be asked for elsewhere.
    pub fn needs_token(&self) -> Closed {
        let whom = match &self.provider {
            Provider::Pool { pool, .. } => format!("the user pool {pool}"),
            Provider::Other { issuer } => issuer.clone(),
        };
        let sentence = format!("{whom} signs users in by a browser only");
        Closed::new(sentence, format!("Put an ID token of {} into {TOKEN}, or open {}/", self.user, self.address))
    }

    /// Where the user's URL is asked for.
    fn url_of_user(&self) -> String {
        format!("{}/users/{}/url", self.address, utf8_percent_encode(&self.user, PART))
    }

    fn host(&self) -> &str {
        let rest = self.address.strip_prefix("https://").unwrap_or(&self.address);
        rest.split('/').next().unwrap_or(rest)
    }

    /// The command by which an administrator gives the user a password.
    fn set_password(&self) -> String {
        let Provider::Pool { pool, .. } = &self.provider else { return String::new() };
        let command = set_password_command(pool, &self.user);
        let how = "`breezeway sandbox serve` says how the AWS CLI reaches the sandbox.";
        if self.rehearsed { format!("{command} ({how})") } else { command }
    }

    fn not_signed_in(&self, failure: &Failure) -> Closed {
        let user = &self.user;
        let cannot = || format!("{user} can't sign in: {}", failure.message);
        let other_token = || format!("Put an ID token of {user} into {TOKEN}.");
        match failure.code.as_str() {
            "NotAuthorizedException" if failure.message.contains("SECRET_HASH") => Closed::new(cannot(), other_token()),
            "NotAuthorizedException" if failure.message.contains("Incorrect") => {
                let sentence = format!("Cognito doesn't know {user} by this password");
                let nobody = format!("{user} has no password of their own yet. An administrator gives one: ");
                let other = "Ask again; an administrator can set another one: ";
                let why = if self.lacks_password { &nobody } else { other };
                Closed::new(sentence, format!("{why}{}", self.set_password()))
            }
            "NotAuthorizedException" | "PasswordResetRequiredException" | "UserNotConfirmedException" => {
                Closed::new(cannot(), format!("An administrator sets another password: {}", self.set_password()))
            }
            "UserNotFoundException" => {
                let hint = format!("`breezeway up {}{}` adds who is missing.", self.lab, self.flags);
                Closed::new(format!("The user pool knows no {user}"), hint)
            }
            "InvalidParameterException" if failure.message.contains("not enabled") => {
                let sentence = "The user pool's client lets nobody sign in by password";
                Closed::new(sentence, format!("ALLOW_USER_PASSWORD_AUTH is the flow that it needs. {}", other_token()))
            }
            _ => Closed::from(failure),
        }
    }

    fn challenged(&self, challenge: &str) -> Closed {
        let user = &self.user;
        if challenge == "NEW_PASSWORD_REQUIRED" {
            let sentence = format!("The password of {user} is a temporary one: {user} has to choose another first");
            let page = format!("That is done at {}/", self.address);
            return Closed::new(sentence, format!("{page} or by an administrator: {}", self.set_password()));
        }
        let sentence = format!("{user} is asked for {challenge}, which Breezeway can't answer");
        Closed::new(sentence, format!("Put an ID token of {user} into {TOKEN}."))
    }

    fn unreached(&self, unreached: &Unreached) -> Closed {
        let Self { address, lab, flags, .. } = self;
        let host = self.host();
        let go = format!(
            "Ask on the app server (`breezeway connect {lab}{flags}` says how to get there), or by VPN. For a browser \
             there: {address}/"
        );
        let outside = "this machine is not in the corporate network";
        match unreached {
            Unreached::NoName(why) => {
                let sentence =
                    format!("{host} has no address here ({why}): {outside}, or its DNS doesn't forward the name");
                Closed::new(sentence, go)
            }
            Unreached::Public(public) => {
                Closed::new(format!("{host} leads to {public} here, a public address: {outside}"), go)
            }
            Unreached::NoWay { address, why } => {
                Closed::new(format!("There is no way from here to {host}, at {address} ({why}): {outside}"), go)
            }
            Unreached::NoAnswer { address, why } => {
                let sentence = format!("{host}, at {address}, can't be talked to: {why}");
                Closed::new(sentence, format!("Is something else at this address in your network? {go}"))
            }
            Unreached::NotInSandbox(why) => {
                let sentence = format!("The portal can't be reached from the sandbox's corporate network: {why}");
                Closed::new(sentence, self.look_closer(&[]))
            }
        }
    }

    fn refused(&self, status: u16, body: &str, given: bool) -> Closed {
        let Self { user, lab, flags, .. } = self;
        let both = &Program::ALL[..];
        match status {
            401 => {
                let sentence = "The portal doesn't believe the token";
                if given {
                    let hint = format!(
                        "It has run out, or isn't an ID token for this portal. Put another one into {TOKEN}, or leave \
                         that out to sign in by password."
                    );
                    return Closed::new(sentence, hint);
                }
                Closed::new(sentence, self.look_closer(&[Program::Authorizer]))
            }
            // API Gateway's words where its policy refuses, and the function's own.
            403 if body.contains("User: anonymous") || body.contains("AWS refuses") => {
                let sentence =
                    "The portal refuses this way: a policy admits the lab's endpoints only, and not this one";
                Closed::new(sentence, format!("`breezeway drift {lab}{flags}` says what of it was changed."))
            }
            403 if body.contains("User is not authorized") || body.contains("somebody else") => {
                let sentence = format!("The portal refuses: the token is somebody else's, not one of {user}");
                let hint = format!("Put an ID token of {user} into {TOKEN}, or leave that out to sign in by password.");
                Closed::new(sentence, hint)
            }
            403 => {
                let sentence = format!("API Gateway has nothing at {} for us: HTTP 403", self.address);
                Closed::new(sentence, format!("`breezeway drift {lab}{flags}` says what of the portal was changed."))
            }
            404 => {
                let hint = format!("`breezeway up {lab}{flags}` puts back what is missing.");
                Closed::new(format!("The portal knows no Studio profile of {user}"), hint)
            }
            429 => Closed::new("The portal has too much to do just now", "Ask again in a minute."),
            500 | 502 => Closed::new(format!("The portal's function failed: HTTP {status}"), self.look_closer(both)),
            504 => {
                let sentence = "The portal's function took too long to answer";
                Closed::new(sentence, self.look_closer(both))
            }
            status => {
                let sentence = format!("The portal answered HTTP {status}, which means nothing here");
                Closed::new(sentence, self.look_closer(both))
            }
        }
    }

    fn no_url(&self) -> Closed {
        let sentence = "The portal answered with something else than a URL of Studio's, which is not opened";
        Closed::new(sentence, format!("`breezeway drift {}{}` says what of it was changed.", self.lab, self.flags))
    }

    /// Where somebody finds out more: the log of a program, or of each.
    fn look_closer(&self, programs: &[Program]) -> String {
        if self.rehearsed {
            return format!(
                "`breezeway sandbox request {} --from onprem --lab {}` goes the same way step by step.",
                self.url_of_user(),
                self.lab
            );
        }
        let log = |program: &Program| {
            let log = log_group::of_function(&format!("breezeway-{}-{}", self.lab, program.name()));
            format!("aws logs tail {log} --since 10m --region {}", self.region)
        };
        let logs: Vec<_> = programs.iter().map(log).collect();
        format!("Its log says why: {}", logs.join(", or else "))
    }
}

/// Who signs in, by the plan; none where it is to be the lab's own pool, and that isn't there.
fn provider(plan: &Plan, holdings: &Holdings<'_>) -> Option<Provider> {
    let given = &plan.sign_in;
    if let Some(issuer) = &given.issuer {
        return Some(Provider::Other { issuer: issuer.clone() });
    }
    let held = |kind: Kind| {
        let mut all = holdings.held.values().map(|held| held.observed);
        all.find(|observed| observed.kind() == kind)
    };
    let own = |kind: Kind| held(kind).map(|observed| observed.id.clone());
    let pool = given.pool.clone().or_else(|| own(Kind::UserPool))?;
    let client = given.client.clone().or_else(|| own(Kind::UserPoolClient))?;
    Some(Provider::Pool { pool, client })
}

/// Whether the mapping table has a Studio profile for the user, and Studio has it too. What can't be read is left for the
/// portal to say.
fn check_profile(view: &View, user: &str, missing: &dyn Fn(&[Kind], String) -> Closed) -> Result<(), Closed> {
    let lab = &view.blueprint.lab.name;
    let rows = || {
        view.survey.live().filter_map(|observed| match &observed.spec {
            Spec::TableItem(row) => Some(row),
            _ => None,
        })
    };
    if view.survey.why_unreadable(Kind::TableItem).is_some() {
        return Ok(());
    }
    let Some(row) = rows().find(|row| row.user == user) else {
        if view.blueprint.iter().any(|desired| matches!(&desired.spec, Spec::TableItem(row) if row.user == user)) {
            return Err(missing(&[], format!("The row of {user} is missing in the portal's table")));
        }
        let mut known: Vec<_> = rows().map(|row| row.user.as_str()).collect();
        known.sort_unstable();
        let who = match known.as_slice() {
            [] => "Nobody has one".to_owned(),
            known => format!("{} {}", known.join(", "), if known.len() == 1 { "has one" } else { "have" }),
        };
        let hint = format!("{}; `users` in [domain] of its plan says who.", printable(&who));
        return Err(Closed::new(format!("{user} has no Studio profile in `{lab}`"), hint));
    };
    let profile_stands = view.survey.live().any(|observed| match &observed.spec {
        Spec::UserProfile(profile) => profile.domain == row.domain && profile.name == row.profile,
        _ => false,
    });
    if profile_stands || view.survey.why_unreadable(Kind::UserProfile).is_some() {
        return Ok(());
    }
    Err(missing(&[Kind::Domain], format!("The Studio profile of {user} isn't there")))
}

/// Whether the lab's own pool says that the user has never set a password.
fn lacks_password(view: &View, user: &str) -> bool {
    let is_theirs = |observed: &&Observed| matches!(&observed.spec, Spec::UserPoolUser(one) if one.name == user);
    view.survey.live().find(is_theirs).is_some_and(|observed| observed.state == "FORCE_CHANGE_PASSWORD")
}

/// The URL in an answer of the portal's, if it leads to Studio in this Region and nowhere else.
fn studio_url(body: &str, region: &str) -> Option<Secret> {
    let answer: Value = serde_json::from_str(body).ok()?;
    let text = answer["url"].as_str()?;
    // Browsers read a backslash as a slash.
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let uri: http::Uri = text.parse().ok().filter(|_| plain)?;
    let authority = uri.authority()?;
    let host = authority.host();
    let bare = authority.as_str() == host || authority.as_str().strip_prefix(host) == Some(":443");
    let zones = dns_zones("studio", region);
    let studio = zones.iter().any(|zone| is_within(host, zone));
    (uri.scheme_str() == Some("https") && bare && studio).then(|| Secret::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::aws::Class;

    fn demo() -> Portal {
        Portal {
            lab: "demo".into(),
            user: "ann".into(),
            address: "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal".into(),
            provider: Provider::Pool { pool: "eu-west-1_A".into(), client: "c".into() },
            expires_seconds: 60,
            lacks_password: false,
            network: "10.16.0.0/16".parse().unwrap(),
            region: "eu-west-1".into(),
            rehearsed: false,
            flags: " --aws".into(),
        }
    }

    fn said(closed: &[Closed]) -> String {
        let one = |closed: &Closed| format!("{}\n  {}", closed.sentence, closed.hint.as_deref().unwrap_or("-"));
        closed.iter().map(one).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn outside_of_the_corporate_network_it_says_so_and_where_to_go() {
        let address = "10.16.42.74".parse().unwrap();
        let unreached = [
            Unreached::NoName("Name or service not known".into()),
            Unreached::Public("203.0.113.7".parse().unwrap()),
            Unreached::NoWay { address, why: "nothing came back within 5 seconds".into() },
            Unreached::NoAnswer { address, why: "invalid peer certificate: UnknownIssuer".into() },
        ];
        let said = said(&unreached.map(|unreached| demo().unreached(&unreached)));
        assert_snapshot!(said, @"
        a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com has no address here (Name or service not known): this machine is not in the corporate network, or its DNS doesn't forward the name
          Ask on the app server (`breezeway connect demo --aws` says how to get there), or by VPN. For a browser there: https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/
        a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com leads to 203.0.113.7 here, a public address: this machine is not in the corporate network
          Ask on the app server (`breezeway connect demo --aws` says how to get there), or by VPN. For a browser there: https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/
        There is no way from here to a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com, at 10.16.42.74 (nothing came back within 5 seconds): this machine is not in the corporate network
          Ask on the app server (`breezeway connect demo --aws` says how to get there), or by VPN. For a browser there: https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/
        a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com, at 10.16.42.74, can't be talked to: invalid peer certificate: UnknownIssuer
          Is something else at this address in your network? Ask on the app server (`breezeway connect demo --aws` says how to get there), or by VPN. For a browser there: https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/
        ");
    }

    #[test]
    fn each_refusal_of_the_portal_has_a_sentence_and_a_hint() {
        let refusals = [
            (401, "", true),
            (401, "", false),
            (403, r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#, true),
            (403, r#"{"Message":"User: anonymous is not authorized to perform: execute-api:Invoke"}"#, false),
            (403, r#"{"message":"Forbidden"}"#, false),
            (404, "", false),
            (429, "", false),
            (500, "", false),
            (504, "", false),
            (302, "", false),
        ];
        let said = said(&refusals.map(|(status, body, given)| demo().refused(status, body, given)));
        assert_snapshot!(said, @"
        The portal doesn't believe the token
          It has run out, or isn't an ID token for this portal. Put another one into BREEZEWAY_TOKEN, or leave that out to sign in by password.
        The portal doesn't believe the token
          Its log says why: aws logs tail /aws/lambda/breezeway-demo-authorizer --since 10m --region eu-west-1
        The portal refuses: the token is somebody else's, not one of ann
          Put an ID token of ann into BREEZEWAY_TOKEN, or leave that out to sign in by password.
        The portal refuses this way: a policy admits the lab's endpoints only, and not this one
          `breezeway drift demo --aws` says what of it was changed.
        API Gateway has nothing at https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal for us: HTTP 403
          `breezeway drift demo --aws` says what of the portal was changed.
        The portal knows no Studio profile of ann
          `breezeway up demo --aws` puts back what is missing.
        The portal has too much to do just now
          Ask again in a minute.
        The portal's function failed: HTTP 500
          Its log says why: aws logs tail /aws/lambda/breezeway-demo-presign --since 10m --region eu-west-1, or else aws logs tail /aws/lambda/breezeway-demo-authorizer --since 10m --region eu-west-1
        The portal's function took too long to answer
          Its log says why: aws logs tail /aws/lambda/breezeway-demo-presign --since 10m --region eu-west-1, or else aws logs tail /aws/lambda/breezeway-demo-authorizer --since 10m --region eu-west-1
        The portal answered HTTP 302, which means nothing here
          Its log says why: aws logs tail /aws/lambda/breezeway-demo-presign --since 10m --region eu-west-1, or else aws logs tail /aws/lambda/breezeway-demo-authorizer --since 10m --region eu-west-1
        ");
    }

    #[test]
    fn the_sandbox_has_no_logs_to_read() {
        let rehearsed = Portal { rehearsed: true, flags: String::new(), ..demo() };
        let end = Unreached::NotInSandbox("there is no route to 10.16.42.74".into());
        assert_snapshot!(said(&[rehearsed.refused(500, "", false), rehearsed.unreached(&end)]), @"
        The portal's function failed: HTTP 500
          `breezeway sandbox request https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/users/ann/url --from onprem --lab demo` goes the same way step by step.
        The portal can't be reached from the sandbox's corporate network: there is no route to 10.16.42.74
          `breezeway sandbox request https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/users/ann/url --from onprem --lab demo` goes the same way step by step.
        ");
    }

    #[test]
    fn whoever_can_not_sign_in_is_told_why_and_who_can_help() {
        let failure = |code: &str, message: &str| {
            let (code, message) = (code.to_owned(), message.to_owned());
            Failure { operation: "InitiateAuth".into(), class: Class::Denied, code, message }
        };
        let incorrect = failure("NotAuthorizedException", "Incorrect username or password.");
        let failures = [
            failure("NotAuthorizedException", "User is disabled."),
            failure("NotAuthorizedException", "Client c is configured with secret but SECRET_HASH was not received"),
            failure("UserNotFoundException", "User does not exist."),
            failure("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"),
        ];
        let new = Portal { lacks_password: true, ..demo() };
        let mut closed = vec![demo().not_signed_in(&incorrect), new.not_signed_in(&incorrect)];
        closed.extend(failures.iter().map(|failure| demo().not_signed_in(failure)));
        closed.extend([demo().challenged("NEW_PASSWORD_REQUIRED"), demo().challenged("SOFTWARE_TOKEN_MFA")]);
        let other = Portal { provider: Provider::Other { issuer: "https://login.example.com".into() }, ..demo() };
        closed.push(other.needs_token());
        assert_snapshot!(said(&closed), @"
        Cognito doesn't know ann by this password
          Ask again; an administrator can set another one: aws cognito-idp admin-set-user-password --user-pool-id eu-west-1_A --username ann --password 'PASSWORD' --permanent
        Cognito doesn't know ann by this password
          ann has no password of their own yet. An administrator gives one: aws cognito-idp admin-set-user-password --user-pool-id eu-west-1_A --username ann --password 'PASSWORD' --permanent
        ann can't sign in: User is disabled.
          An administrator sets another password: aws cognito-idp admin-set-user-password --user-pool-id eu-west-1_A --username ann --password 'PASSWORD' --permanent
        ann can't sign in: Client c is configured with secret but SECRET_HASH was not received
          Put an ID token of ann into BREEZEWAY_TOKEN.
        The user pool knows no ann
          `breezeway up demo --aws` adds who is missing.
        The user pool's client lets nobody sign in by password
          ALLOW_USER_PASSWORD_AUTH is the flow that it needs. Put an ID token of ann into BREEZEWAY_TOKEN.
        The password of ann is a temporary one: ann has to choose another first
          That is done at https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/ or by an administrator: aws cognito-idp admin-set-user-password --user-pool-id eu-west-1_A --username ann --password 'PASSWORD' --permanent
        ann is asked for SOFTWARE_TOKEN_MFA, which Breezeway can't answer
          Put an ID token of ann into BREEZEWAY_TOKEN.
        https://login.example.com signs users in by a browser only
          Put an ID token of ann into BREEZEWAY_TOKEN, or open https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/portal/
        ");
    }

    #[test]
    fn only_a_url_of_studio_is_one() {
        let url = |text: &str| studio_url(&serde_json::json!({ "url": text }).to_string(), "eu-west-1").is_some();
        assert!(url("https://d-1.studio.eu-west-1.sagemaker.aws/auth?token=abc"));
        assert!(url("https://d-1.studio.eu-west-1.sagemaker.aws:443/auth?token=abc"));
        assert!(url("https://d-1.studio.sagemaker.eu-west-1.app.aws/auth?token=abc"));
        for other in [
            "http://d-1.studio.eu-west-1.sagemaker.aws/auth?token=abc",
            "https://d-1.studio.us-east-1.sagemaker.aws/auth?token=abc",
            "https://studio.eu-west-1.sagemaker.aws.example.com/",
            "https://d-1.studio.eu-west-1.sagemaker.aws@example.com/",
            "https://me@d-1.studio.eu-west-1.sagemaker.aws/",
            "https://example.com\\@d-1.studio.eu-west-1.sagemaker.aws/",
            "https://example.com/d-1.studio.eu-west-1.sagemaker.aws",
            "https://d-1.studio.eu-west-1.sagemaker.aws:8443/",
            "https://d-1.studio.eu-west-1.sagemaker.aws/\u{1b}[2J",
            "file:///etc/passwd",
            "-flag",
            "",
        ] {
            assert!(!url(other), "{other}");
        }
        assert!(studio_url("not JSON", "eu-west-1").is_none() && studio_url("{}", "eu-west-1").is_none());
    }

    #[test]
    fn a_user_is_one_part_of_the_path() {
        let odd = Portal { user: "ann/../bob+x@example.com".into(), ..demo() };
        assert!(odd.url_of_user().ends_with("/portal/users/ann%2F..%2Fbob%2Bx%40example.com/url"));
    }
}
