//! What the portal may do in AWS.

use ipnet::Ipv4Net;
use toml::Spanned;

use super::network::Network;
use super::plain;
use crate::plan::mistake::Fault;
use crate::plan::section::{Said, Section};
use crate::plan::{Access, AccessMode, Studio, value};

/// The longest that the inline policies of a role may be together, white space not counted:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
const LONGEST_POLICIES: usize = 10_240;

/// What of that is left for all but the lists of the plan; the lab's policies have some 1100 characters besides.
const REST_OF_POLICIES: usize = 1_200;

/// The section, and whether nothing is wrong with whom it lets do what.
pub(super) fn access(mut file: Section, studio: &Network<Studio>) -> (Access, bool) {
    let default = Access::default();
    let role = file.boolean("role");
    let mode = file.text("mode", value::access_mode);
    let source_ip = file.texts("source_ip", value::source_ip);
    check_mode(&file, &mode, role.value() == Some(&false), source_ip.is_nothing(), studio);
    if let Some(span) = source_ip.span()
        && !mode.is_wrong()
        && mode.value() != Some(&AccessMode::SourceIp)
    {
        let fault = Fault::new("`source_ip` says nothing in this mode", "set mode = \"source-ip\", or leave it out");
        file.report(span, fault);
    }
    let actions = file.texts("actions", value::action);
    let resources = file.texts("resources", value::resource);
    check_size(&file, &actions, &resources, &source_ip);
    let service = file.text("service", value::service);
    let known = !(role.is_wrong() || mode.is_wrong() || service.is_wrong());
    let access = Access {
        role: role.or(default.role),
        mode: mode.into_value(),
        source_ip: plain(source_ip).unwrap_or_default(),
        service: service.or(default.service),
        actions: plain(actions).unwrap_or(default.actions),
        resources: plain(resources).unwrap_or(default.resources),
        max_session_seconds: file.integer("max_session_seconds", 3600, 43200).or(default.max_session_seconds),
        description: file.text("description", value::role_description).or(default.description),
    };
    file.finish();
    (access, known)
}

/// Reports the longest list where the role's policies would be too long with all of them.
fn check_size(
    file: &Section,
    actions: &Said<Vec<Spanned<String>>>,
    resources: &Said<Vec<Spanned<String>>>,
    source_ip: &Said<Vec<Spanned<Ipv4Net>>>,
) {
    // In quotes, with a comma after it; a network in the statement that allows and in the one that denies.
    let lists = [
        (length(actions), actions.span()),
        (length(resources), resources.span()),
        (2 * length(source_ip), source_ip.span()),
    ];
    let room = LONGEST_POLICIES - REST_OF_POLICIES;
    if lists.iter().map(|(length, _)| length).sum::<usize>() > room
        && let Some((_, Some(span))) = lists.into_iter().max_by_key(|(length, _)| *length)
    {
        let sentence =
            format!("The role's policies would be longer than the {LONGEST_POLICIES} characters that IAM takes");
        file.report(span, Fault::new(sentence, "say the same with wildcards, or with larger networks"));
    }
}

fn length<T: ToString>(said: &Said<Vec<Spanned<T>>>) -> usize {
    let length = |one: &Spanned<T>| one.get_ref().to_string().len() + "\"\",".len();
    said.value().map_or(0, |all| all.iter().map(length).sum())
}

/// Reports what keeps this mode from admitting anything.
fn check_mode(file: &Section, mode: &Said<AccessMode>, no_role: bool, no_source_ip: bool, studio: &Network<Studio>) {
    let Said::Value(mode) = mode else { return };
    if no_role {
        let fault = Fault::new("There is no role that this could bind", "set role = true, or leave `mode` out");
        file.report(mode.span(), fault);
    }
    if *mode.get_ref() == AccessMode::SourceIp {
        if no_source_ip {
            let hint = "list the public networks: source_ip = [\"203.0.113.0/24\"]";
            file.report(mode.span(), Fault::new("There is no `source_ip` for this mode to admit", hint));
        }
        return;
    }
    // A URL is made through the one and opened through the other.
    for service in ["sagemaker.api", "studio"] {
        if studio.endpoints_known && !studio.vpc.endpoints.iter().any(|endpoint| endpoint.service == service) {
            let sentence = format!("Nothing would be admitted: the Studio VPC has no endpoint for `{service}`");
            let hint = format!("begin one with [[studio.endpoints]] and service = \"{service}\"");
            file.report(mode.span(), Fault::new(sentence, hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes};
    use crate::plan::AccessMode;

    const DOORS: &str =
        "[[studio.endpoints]]\nservice = \"studio\"\n[[studio.endpoints]]\nservice = \"sagemaker.api\"\n";

    #[test]
    fn a_url_is_bound_to_endpoints_that_are_there() {
        assert_snapshot!(mistakes("access.mode = \"source-vpce\""), @r#"
        2:15 Nothing would be admitted: the Studio VPC has no endpoint for `sagemaker.api`
            begin one with [[studio.endpoints]] and service = "sagemaker.api"
        2:15 Nothing would be admitted: the Studio VPC has no endpoint for `studio`
            begin one with [[studio.endpoints]] and service = "studio"
        "#);
        assert_snapshot!(mistakes("access.mode = \"source-vpc\"\n[[studio.endpoints]]\nservice = \"studio\""), @r#"
        2:15 Nothing would be admitted: the Studio VPC has no endpoint for `sagemaker.api`
            begin one with [[studio.endpoints]] and service = "sagemaker.api"
        "#);
        assert_eq!(lab(&format!("access.mode = \"source-vpce\"\n{DOORS}")).access.mode, Some(AccessMode::SourceVpce));
        assert_eq!(lab(&format!("access.mode = \"source-vpc\"\n{DOORS}")).access.mode, Some(AccessMode::SourceVpc));
    }

    #[test]
    fn a_url_is_bound_to_addresses_that_are_given() {
        assert_snapshot!(mistakes("access.mode = \"source-ip\""), @r#"
        2:15 There is no `source_ip` for this mode to admit
            list the public networks: source_ip = ["203.0.113.0/24"]
        "#);
        assert_snapshot!(mistakes("access = { mode = \"source-ip\", source_ip = [\"0.0.0.0/0\", \"10.1.1.1\"] }"), @r#"
        2:45 A URL would be bound to nothing by the whole internet
            write the network that you come from, a single address if you can: "203.0.113.7/32"
        2:58 10.1.1.1 is an address, not a network
            did you mean "10.1.1.1/32"?
        "#);
        assert_snapshot!(mistakes("access.source_ip = [\"203.0.113.0/24\"]"), @r#"
        2:20 `source_ip` says nothing in this mode
            set mode = "source-ip", or leave it out
        "#);
        let access = lab("access = { mode = \"source-ip\", source_ip = [\"203.0.113.0/24\"] }").access;
        assert_eq!(access.source_ip[0].to_string(), "203.0.113.0/24");
    }

    #[test]
    fn policies_that_iam_would_find_too_long_are_refused() {
        let resources = |count: usize| {
            let all: Vec<_> = (0..count).map(|n| format!("\"arn:aws:s3:::{:>0100}\"", n)).collect();
            format!("access.resources = [{}]", all.join(",\n"))
        };
        lab(&resources(75));
        assert_snapshot!(mistakes(&resources(90)), @"
        2:20 The role's policies would be longer than the 10240 characters that IAM takes
            say the same with wildcards, or with larger networks
        ");
    }

    #[test]
    fn a_mode_binds_a_role() {
        assert_snapshot!(mistakes(&format!("access = {{ role = false, mode = \"source-vpce\" }}\n{DOORS}")), @r"
        2:33 There is no role that this could bind
            set role = true, or leave `mode` out
        ");
        assert_snapshot!(mistakes("access.mode = \"vpce\""), @r"
        2:15 `vpce` is not a mode of access
            known here: `source-vpce`, `source-vpc`, `source-ip`
        ");
    }
}
