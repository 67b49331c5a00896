//! The Studio domain and its users.

use std::collections::BTreeSet;

use super::network::Network;
use super::plain;
use crate::plan::mistake::{Fault, quoted};
use crate::plan::section::Section;
use crate::plan::{Domain, Studio, value};

/// The section, and whether nothing is wrong with its users.
pub(super) fn domain(mut file: Section, studio: &Network<Studio>) -> (Domain, bool) {
    let default = Domain::default();
    let enabled = file.boolean("enabled");
    let users = file.texts("users", value::user_profile);
    let known = !users.is_wrong();
    let mut seen = BTreeSet::new();
    for user in users.value().into_iter().flatten() {
        if !seen.insert(user.get_ref().to_lowercase()) {
            let sentence = format!("{} is another user's name but for its case", quoted(user.get_ref()));
            file.report(user.span(), Fault::new(sentence, "SageMaker takes no notice of case: choose another name"));
        }
    }
    if let Some(span) = enabled.span()
        && enabled.value() == Some(&true)
        && studio.endpoints_known
        && !studio.vpc.endpoints.iter().any(|endpoint| endpoint.service == "studio")
    {
        let sentence = "Nobody would reach the domain privately: the Studio VPC has no endpoint for `studio`";
        let hint = "begin one with [[studio.endpoints]] and service = \"studio\"";
        file.report(span, Fault::new(sentence, hint));
    }
    let domain = Domain {
        enabled: enabled.or(default.enabled),
        users: plain(users).unwrap_or(default.users),
        home_file_system: file.boolean("home_file_system").or(default.home_file_system),
        actions: plain(file.texts("actions", value::action)).unwrap_or(default.actions),
    };
    file.finish();
    (domain, known)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes};

    const DOOR: &str = "[[studio.endpoints]]\nservice = \"studio\"\n";

    #[test]
    fn a_domain_is_reached_by_its_endpoint() {
        assert_snapshot!(mistakes("domain.enabled = true"), @r#"
        2:18 Nobody would reach the domain privately: the Studio VPC has no endpoint for `studio`
            begin one with [[studio.endpoints]] and service = "studio"
        "#);
        assert!(lab(&format!("domain.enabled = true\n{DOOR}")).domain.enabled);
    }

    #[test]
    fn users_have_names_that_sagemaker_takes_and_tells_apart() {
        assert_snapshot!(mistakes("domain.users = [\"Alice\", \"bob smith\", \"alice\", \"-x\"]"), @r#"
        2:26 `bob smith` can't be the name of a user profile
            use 1 to 63 letters, digits and hyphens, a letter or digit at both ends
        2:48 `-x` can't be the name of a user profile
            use 1 to 63 letters, digits and hyphens, a letter or digit at both ends
        "#);
        assert_snapshot!(mistakes("domain.users = [\"Alice\", \"alice\"]"), @r#"
        2:26 `alice` is another user's name but for its case
            SageMaker takes no notice of case: choose another name
        "#);
        assert_eq!(lab("domain.users = [\"alice\", \"b--b\"]").domain.users, ["alice", "b--b"]);
    }
}
