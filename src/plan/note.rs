//! What the choices of a plan mean for those who work behind them: nothing is wrong, and it is better known before.

use super::{Access, AccessMode, DnsMode, InterfaceEndpoint, Plan};

impl Plan {
    /// Sentences about whom `access.mode` admits and what it breaks, and about names that are captured.
    pub fn notes(&self) -> Vec<String> {
        self.access.note().into_iter().chain(self.captured_names()).collect()
    }

    /// Who no longer gets the public answer for any API of the Region.
    fn captured_names(&self) -> Option<String> {
        let has_names = |endpoints: &[InterfaceEndpoint]| {
            endpoints
                .iter()
                .any(|endpoint| endpoint.service == "execute-api" && (endpoint.private_dns || endpoint.hosted_zone))
        };
        let (in_onprem, in_studio) = (has_names(&self.onprem.endpoints), has_names(&self.studio.endpoints));
        let corporate = match self.dns.mode {
            _ if in_onprem => Some("the corporate network"),
            DnsMode::Dhcp if in_studio => Some("the corporate network, which asks that VPC's resolver"),
            DnsMode::Server if self.dns.forward.iter().any(|service| service == "execute-api") => {
                Some("the corporate network, whose DNS servers forward these names")
            }
            _ => None,
        };
        let captive: Vec<_> = in_studio.then_some("the Studio VPC").into_iter().chain(corporate).collect();
        (!captive.is_empty()).then(|| {
            format!(
                "Every default API name of the Region (https://….execute-api.…) is captured for whoever asks from {}: it \
                 leads to the endpoint, behind which no public API answers. `private_dns = false` on the execute-api \
                 endpoint, without a hosted zone, avoids it.",
                captive.join(" and from ")
            )
        })
    }
}

impl Access {
    /// What the mode admits, and what it breaks.
    fn note(&self) -> Option<String> {
        const CONSOLE: &str = "The console's own Open Studio button no longer works for these users.";
        if !self.role {
            return None;
        }
        Some(match self.mode {
            Some(AccessMode::SourceVpce) => format!(
                "Access is source-vpce: presigned URLs are made and opened through the Studio VPC's endpoints for \
                 sagemaker.api and studio, and nowhere else. {CONSOLE}"
            ),
            Some(AccessMode::SourceVpc) => format!(
                "Access is source-vpc: presigned URLs are made and opened through any endpoint of the Studio VPC, and \
                 nowhere else. {CONSOLE}"
            ),
            Some(AccessMode::SourceIp) => {
                let networks: Vec<_> = self.source_ip.iter().map(ToString::to_string).collect();
                format!(
                    "Access is source-ip: presigned URLs are made and opened over the internet from {}, and the endpoints \
                     refuse them. Behind a shared egress, such as a proxy, it keeps nobody out who shares it.",
                    networks.join(", ")
                )
            }
            // Actions of the plan's own may allow it: from where is theirs to say.
            None if self.actions.iter().any(|action| action == "*" || action.starts_with("sagemaker:")) => return None,
            None => "No access mode is chosen: the portal's role may not make presigned URLs.".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::plan::{Source, parse};

    const DOORS: &str =
        "[[studio.endpoints]]\nservice = \"studio\"\n[[studio.endpoints]]\nservice = \"sagemaker.api\"\n";

    fn notes(text: &str) -> String {
        let source = Source { name: "lab.toml".into(), text: format!("name = \"lab\"\n{text}") };
        parse(&source).unwrap().notes().join("\n")
    }

    #[test]
    fn each_mode_of_access_says_whom_it_admits_and_what_it_breaks() {
        assert_snapshot!(notes(&format!("access.mode = \"source-vpce\"\n{DOORS}")), @"Access is source-vpce: presigned URLs are made and opened through the Studio VPC's endpoints for sagemaker.api and studio, and nowhere else. The console's own Open Studio button no longer works for these users.");
        assert_snapshot!(notes(&format!("access.mode = \"source-vpc\"\n{DOORS}")), @"Access is source-vpc: presigned URLs are made and opened through any endpoint of the Studio VPC, and nowhere else. The console's own Open Studio button no longer works for these users.");
        let networks = "[\"203.0.113.0/24\", \"198.51.100.7/32\"]";
        assert_snapshot!(notes(&format!("access = {{ mode = \"source-ip\", source_ip = {networks} }}")), @"Access is source-ip: presigned URLs are made and opened over the internet from 203.0.113.0/24, 198.51.100.7/32, and the endpoints refuse them. Behind a shared egress, such as a proxy, it keeps nobody out who shares it.");
        assert_snapshot!(notes(""), @"No access mode is chosen: the portal's role may not make presigned URLs.");
    }

    #[test]
    fn a_role_that_is_none_or_goes_by_its_own_actions_is_nothing_to_note() {
        assert_eq!(notes("access.role = false"), "");
        assert_eq!(notes("access.actions = [\"sagemaker:*\"]"), "");
    }

    /// What is noted besides the mode.
    fn captured(text: &str) -> String {
        notes(&format!("access.role = false\n{text}"))
    }

    #[test]
    fn captured_names_are_told_to_those_who_ask_there() {
        let api = "[[studio.endpoints]]\nservice = \"execute-api\"\n";
        assert_snapshot!(captured(api), @"Every default API name of the Region (https://….execute-api.…) is captured for whoever asks from the Studio VPC: it leads to the endpoint, behind which no public API answers. `private_dns = false` on the execute-api endpoint, without a hosted zone, avoids it.");
        assert_snapshot!(captured(&format!("dns.mode = \"dhcp\"\n{api}")), @"Every default API name of the Region (https://….execute-api.…) is captured for whoever asks from the Studio VPC and from the corporate network, which asks that VPC's resolver: it leads to the endpoint, behind which no public API answers. `private_dns = false` on the execute-api endpoint, without a hosted zone, avoids it.");
        let server = "dns.mode = \"server\"\nonprem.gateway_endpoints = [{ service = \"s3\" }]\n";
        assert_snapshot!(captured(&format!("{server}{api}")), @"Every default API name of the Region (https://….execute-api.…) is captured for whoever asks from the Studio VPC and from the corporate network, whose DNS servers forward these names: it leads to the endpoint, behind which no public API answers. `private_dns = false` on the execute-api endpoint, without a hosted zone, avoids it.");
        let onprem = "[[onprem.endpoints]]\nservice = \"execute-api\"\n";
        assert_snapshot!(captured(onprem), @"Every default API name of the Region (https://….execute-api.…) is captured for whoever asks from the corporate network: it leads to the endpoint, behind which no public API answers. `private_dns = false` on the execute-api endpoint, without a hosted zone, avoids it.");
    }

    #[test]
    fn names_that_nobody_captures_are_not_told() {
        let api = "[[studio.endpoints]]\nservice = \"execute-api\"\n";
        assert_eq!(captured(&format!("{api}private_dns = false")), "");
        assert_eq!(captured(DOORS), "");
        let others = format!("dns.mode = \"server\"\ndns.forward = [\"studio\"]\n{DOORS}{api}");
        let server = "onprem.gateway_endpoints = [{ service = \"s3\" }]\n";
        let told = captured(&format!("{server}{others}"));
        assert!(told.contains("asks from the Studio VPC:") && !told.contains("corporate"), "{told}");
    }
}
