//! The private API that hands out presigned URLs.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::network::Network;
use crate::plan::mistake::{Fault, quoted, suggestion};
use crate::plan::section::Section;
use crate::plan::{Access, AccessMode, Domain, LOG_RETENTION_DAYS, Portal, SignIn, Studio, value};

/// What other sections say of the portal's users.
pub(super) struct Users<'p> {
    pub domain: &'p Domain,
    /// Whether nothing is wrong with the domain's users.
    pub known: bool,
    pub sign_in: &'p SignIn,
}

/// The section; `access` is nothing where something is wrong with it.
pub(super) fn portal(
    mut file: Section,
    studio: &Network<Studio>,
    access: Option<&Access>,
    users: &Users<'_>,
) -> Portal {
    let default = Portal::default();
    let enabled = file.boolean("enabled");
    if let (Some(true), Some(span)) = (enabled.value(), enabled.span()) {
        check_access(&file, &span, access);
        check_ways_out(&file, &span, studio);
        check_users(&file, &span, users);
    }
    let retention = file.integer("log_retention_days", 1, 3653);
    if let (Some(days), Some(span)) = (retention.value(), retention.span())
        && !LOG_RETENTION_DAYS.contains(days)
    {
        let longer = LOG_RETENTION_DAYS.iter().find(|known| *known > days).copied().unwrap_or(3653);
        let sentence = format!("CloudWatch doesn't keep logs for just {days} days");
        file.report(span, Fault::new(sentence, format!("the next that it does is {longer}")));
    }
    let portal = Portal {
        enabled: enabled.or(default.enabled),
        log_retention_days: retention.or(default.log_retention_days),
        url_expires_seconds: file.integer("url_expires_seconds", 5, 300).or(default.url_expires_seconds),
        session_expires_seconds: file
            .integer("session_expires_seconds", 1800, 43200)
            .or(default.session_expires_seconds),
        profiles: profiles(file.section("profiles"), users),
    };
    file.finish();
    portal
}

/// Reports what keeps the function from acting in the portal's role, or the role from making a URL.
fn check_access(file: &Section, span: &Range<usize>, access: Option<&Access>) {
    let Some(access) = access else { return };
    let fault = if !access.role {
        Fault::new("The portal has no role to act in", "set role = true in [access], or leave it out")
    } else if !access.service.starts_with("lambda.") {
        let sentence = format!("The portal's function can't act in its role, which is for {}", access.service);
        Fault::new(sentence, "leave `service` out of [access]")
    } else if !matches!(access.mode, Some(AccessMode::SourceVpce | AccessMode::SourceVpc)) {
        let hint = "set mode = \"source-vpce\" in [access]";
        Fault::new("The portal could make no URL: its role doesn't allow it from inside the Studio VPC", hint)
    } else {
        return;
    };
    file.report(span.clone(), fault);
}

/// Reports what the function would call in vain: the Studio VPC has no way to the internet.
fn check_ways_out(file: &Section, span: &Range<usize>, studio: &Network<Studio>) {
    if studio.endpoints_known && !studio.vpc.answers("sagemaker.api") {
        let sentence =
            "The portal could make no URL: the Studio VPC has no endpoint for `sagemaker.api` with private DNS";
        let hint = "begin one with [[studio.endpoints]] and service = \"sagemaker.api\"";
        file.report(span.clone(), Fault::new(sentence, hint));
    }
    if studio.endpoints_known && !studio.vpc.endpoints.iter().any(|endpoint| endpoint.service == "execute-api") {
        let sentence = "Nobody would reach the portal: the Studio VPC has no endpoint for `execute-api`";
        let hint = "begin one with [[studio.endpoints]] and service = \"execute-api\"";
        file.report(span.clone(), Fault::new(sentence, hint));
    }
    if studio.gateways_known && !studio.vpc.gateway_endpoints.iter().any(|endpoint| endpoint.service == "dynamodb") {
        let sentence = "The portal would know no user: the Studio VPC has no gateway endpoint for `dynamodb`";
        let hint = "begin one with [[studio.gateway_endpoints]] and service = \"dynamodb\"";
        file.report(span.clone(), Fault::new(sentence, hint));
    }
}

/// Reports what keeps users from coming, or from having anywhere to go.
fn check_users(file: &Section, span: &Range<usize>, users: &Users<'_>) {
    if !users.domain.enabled {
        let hint = "set enabled = true in [domain]";
        file.report(span.clone(), Fault::new("The portal would have no Studio to open", hint));
    }
    if !users.sign_in.enabled {
        let hint = "set enabled = true in [sign_in]";
        file.report(span.clone(), Fault::new("The portal would let nobody in: nobody says who they are", hint));
    }
}

/// Who has which profile.
fn profiles(mut file: Section, users: &Users<'_>) -> BTreeMap<String, String> {
    let known: Vec<&str> = users.domain.users.iter().map(String::as_str).collect();
    let profile = |text: &str| {
        let profile = value::user_profile(text)?;
        match users.known && !known.contains(&text) {
            true => Err(Fault::new(format!("{} is no user of the domain", quoted(text)), suggestion(text, &known))),
            false => Ok(profile),
        }
    };
    let mut profiles = BTreeMap::new();
    for (name, said) in file.rest() {
        if matches!(said.get_ref(), DeValue::Table(_)) {
            let sentence = format!("{} is a section here, not somebody's name", quoted(name.get_ref()));
            let hint = "put a name with dots in quotes: \"ann.smith\" = \"ann\"";
            file.report(name.span(), Fault::new(sentence, hint));
            continue;
        }
        if let Err(fault) = value::sign_in_name(name.get_ref()).and_then(|()| users.may_sign_in_as(name.get_ref())) {
            file.report(name.span(), fault);
        }
        if let Some(profile) = file.meaning(said, profile).into_value() {
            profiles.insert(name.into_inner(), profile);
        }
    }
    profiles
}

impl Users<'_> {
    /// Whether whoever says who somebody is could say this.
    fn may_sign_in_as(&self, name: &str) -> Result<(), Fault> {
        let SignIn { enabled, pool, issuer, client, audience, .. } = self.sign_in;
        let own_pool = *enabled && [pool, issuer, client, audience].into_iter().all(Option::is_none);
        let lower = name.to_lowercase();
        match own_pool && lower != name {
            true => Err(Fault::new(
                format!("Nobody signs in as {}: the lab's own pool has names in lower case", quoted(name)),
                format!("write {}", quoted(&lower)),
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes};

    const WAYS_OUT: &str = "[[studio.gateway_endpoints]]\nservice = \"dynamodb\"\n[[studio.endpoints]]\n\
                            service = \"studio\"\n[[studio.endpoints]]\nservice = \"sagemaker.api\"\n\
                            [[studio.endpoints]]\nservice = \"execute-api\"\n[domain]\nenabled = true\n\
                            [sign_in]\nenabled = true\n";

    #[test]
    fn a_portal_needs_ways_out_and_a_role_that_may() {
        assert_snapshot!(mistakes("portal.enabled = true"), @r#"
        2:18 The portal could make no URL: its role doesn't allow it from inside the Studio VPC
            set mode = "source-vpce" in [access]
        2:18 The portal could make no URL: the Studio VPC has no endpoint for `sagemaker.api` with private DNS
            begin one with [[studio.endpoints]] and service = "sagemaker.api"
        2:18 Nobody would reach the portal: the Studio VPC has no endpoint for `execute-api`
            begin one with [[studio.endpoints]] and service = "execute-api"
        2:18 The portal would know no user: the Studio VPC has no gateway endpoint for `dynamodb`
            begin one with [[studio.gateway_endpoints]] and service = "dynamodb"
        2:18 The portal would have no Studio to open
            set enabled = true in [domain]
        2:18 The portal would let nobody in: nobody says who they are
            set enabled = true in [sign_in]
        "#);
        let with = |access: &str| format!("portal.enabled = true\naccess = {{ {access} }}\n{WAYS_OUT}");
        assert_snapshot!(mistakes(&with("role = false")), @"
        2:18 The portal has no role to act in
            set role = true in [access], or leave it out
        ");
        assert_snapshot!(mistakes(&with("mode = \"source-vpce\", service = \"ec2.amazonaws.com\"")), @"
        2:18 The portal's function can't act in its role, which is for ec2.amazonaws.com
            leave `service` out of [access]
        ");
        assert_snapshot!(mistakes(&with("mode = \"source-ip\", source_ip = [\"203.0.113.0/24\"]")), @r#"
        2:18 The portal could make no URL: its role doesn't allow it from inside the Studio VPC
            set mode = "source-vpce" in [access]
        "#);
        assert!(lab(&with("mode = \"source-vpc\"")).portal.enabled);
    }

    #[test]
    fn private_names_lead_the_function_to_the_api() {
        let nameless = WAYS_OUT.replace("\"sagemaker.api\"", "\"sagemaker.api\"\nprivate_dns = false");
        assert_snapshot!(mistakes(&format!("portal.enabled = true\naccess.mode = \"source-vpce\"\n{nameless}")), @r#"
        2:18 The portal could make no URL: the Studio VPC has no endpoint for `sagemaker.api` with private DNS
            begin one with [[studio.endpoints]] and service = "sagemaker.api"
        "#);
    }

    #[test]
    fn what_is_wrong_elsewhere_is_said_once() {
        assert_snapshot!(mistakes(&format!("portal.enabled = true\naccess.mode = \"vpce\"\n{WAYS_OUT}")), @"
        3:15 `vpce` is not a mode of access
            known here: `source-vpce`, `source-vpc`, `source-ip`
        ");
        let misspelt = WAYS_OUT.replace("dynamodb", "dynamo");
        assert_snapshot!(mistakes(&format!("portal.enabled = true\naccess.mode = \"source-vpce\"\n{misspelt}")), @"
        5:11 `dynamo` is not a service that gateway endpoints lead to
            did you mean `dynamodb`?
        ");
    }

    #[test]
    fn people_have_profiles_under_the_names_they_sign_in_by() {
        let users = "domain.users = [\"ann\", \"Bob\"]\n";
        let own = lab(users).profiles();
        assert_eq!(own.into_iter().collect::<Vec<_>>(), [("ann".into(), "ann".into()), ("bob".into(), "Bob".into())]);
        let given = "portal.profiles = { \"ann@corp.example\" = \"ann\", \"b.o_b+1\" = \"Bob\", \"Bob\" = \"Bob\" }";
        let given = lab(&format!("{users}{given}")).profiles();
        assert_eq!(given.keys().collect::<Vec<_>>(), ["Bob", "ann@corp.example", "b.o_b+1"]);
        assert_eq!(given["b.o_b+1"], "Bob");
    }

    #[test]
    fn a_profile_is_one_of_the_domains_and_a_name_one_that_a_token_may_have() {
        let users = "domain.users = [\"ann\", \"Bob\"]\n[portal.profiles]\n";
        let rows = "\"ann@corp.example\" = \"anne\"\n\"a/b\" = \"ann\"\n\"*\" = \"ann\"\nbob = \"bob smith\"\n\
                    ann.smith = \"ann\"\ncarl = 7\n";
        assert_snapshot!(mistakes(&format!("{users}{rows}")), @r#"
        4:22 `anne` is no user of the domain
            did you mean `ann`?
        5:1 `a/b` can't be the name of somebody who signs in
            use 1 to 128 letters, digits and `._@+=-`, a letter or digit first
        6:1 `*` can't be the name of somebody who signs in
            use 1 to 128 letters, digits and `._@+=-`, a letter or digit first
        7:7 `bob smith` can't be the name of a user profile
            use 1 to 63 letters, digits and hyphens, a letter or digit at both ends
        8:1 `ann` is a section here, not somebody's name
            put a name with dots in quotes: "ann.smith" = "ann"
        9:8 A text belongs here, not a number
            put it in quotes: "7"
        "#);
        assert_snapshot!(mistakes("portal.profiles = \"ann\""), @"
        2:19 `portal.profiles` must be a section, not a text
            begin it with [portal.profiles]
        ");
        assert_snapshot!(mistakes(&format!("sign_in.enabled = true\n{users}Ann = \"ann\"")), @"
        5:1 Nobody signs in as `Ann`: the lab's own pool has names in lower case
            write `ann`
        ");
        let other =
            "[sign_in]\nenabled = true\nissuer = \"https://a.example\"\naudience = \"a\"\nuser_claim = \"email\"\n";
        assert!(lab(&format!("{users}Ann = \"ann\"\n{other}")).profiles().contains_key("Ann"));
    }

    #[test]
    fn profiles_are_not_judged_by_users_that_are_wrong() {
        assert_snapshot!(mistakes("domain.users = [\"bob smith\"]\nportal.profiles = { ann = \"ann\" }"), @"
        2:17 `bob smith` can't be the name of a user profile
            use 1 to 63 letters, digits and hyphens, a letter or digit at both ends
        ");
    }

    #[test]
    fn durations_are_those_that_aws_takes() {
        let portal = lab("portal = { log_retention_days = 731, url_expires_seconds = 300 }").portal;
        assert_eq!((portal.log_retention_days, portal.url_expires_seconds), (731, 300));
        assert_eq!((portal.session_expires_seconds, portal.enabled), (43200, false));
        assert_snapshot!(mistakes("portal.log_retention_days = 31"), @"
        2:29 CloudWatch doesn't keep logs for just 31 days
            the next that it does is 60
        ");
        assert_snapshot!(mistakes("portal = { url_expires_seconds = 4, session_expires_seconds = 86400 }"), @"
        2:34 `url_expires_seconds` can't be `4`
            write a number from 5 to 300
        2:63 `session_expires_seconds` can't be `86400`
            write a number from 1800 to 43200
        ");
    }
}
