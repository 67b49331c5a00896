//! How names are answered in the corporate network.

use std::ops::Range;

use toml::Spanned;

use super::network::{Network, SaidAddresses, rules};
use crate::plan::mistake::Fault;
use crate::plan::section::{Said, Section};
use crate::plan::{Dns, DnsMode, Onprem, Studio, forwarded, value};

/// The section; `peered` is whether the VPCs are, where that is known.
pub(super) fn dns(
    mut file: Section,
    onprem: &mut Network<Onprem>,
    studio: &mut Network<Studio>,
    peered: Option<bool>,
) -> Dns {
    let said_mode = file.text("mode", value::dns_mode);
    let forward = file.texts("forward", value::interface_service);
    let resolver = SaidAddresses::read(file.section("resolver"));
    let resolver_rules = rules(&mut file, "resolver_rules");
    let servers = SaidAddresses::read(file.section("servers"));
    let default = Dns::within(&onprem.vpc, &studio.vpc);
    let mode = said_mode.value().copied().unwrap_or_default();
    // Where nothing stands, no address is taken.
    if mode != DnsMode::Off {
        resolver.give(&file, &mut studio.private, "the resolver");
        if let Some(span) = said_mode.span() {
            check_mode(&file, span, mode, &onprem.vpc, studio, peered, forward.is_nothing());
        }
    }
    if mode == DnsMode::Server {
        servers.give(&file, &mut onprem.private, "a DNS host");
    }
    if let Said::Value(forward) = &forward
        && !said_mode.is_wrong()
    {
        check_forward(&file, forward, mode, studio);
    }
    let forward = match forward {
        Said::Value(forward) => forward.into_inner().into_iter().map(Spanned::into_inner).collect(),
        _ if mode == DnsMode::Off => Vec::new(),
        _ => forwarded(&studio.vpc),
    };
    let dns = Dns {
        mode,
        forward,
        resolver: resolver.or(default.resolver),
        resolver_rules: resolver_rules.unwrap_or(default.resolver_rules),
        servers: servers.or(default.servers),
        instance_type: file.text("instance_type", value::instance_type).or(default.instance_type),
        image: file.text("image", value::image).into_value(),
        volume_gib: file.integer("volume_gib", 8, 16384).or(default.volume_gib),
        domain: file.text("domain", value::domain).or(default.domain),
    };
    file.finish();
    dns
}

/// Reports what keeps this mode from working.
fn check_mode(
    file: &Section,
    span: Range<usize>,
    mode: DnsMode,
    onprem: &Onprem,
    studio: &Network<Studio>,
    peered: Option<bool>,
    by_default: bool,
) {
    let report = |sentence, hint| file.report(span.clone(), Fault::new(sentence, hint));
    if peered == Some(false) {
        let sentence = "The corporate network can't reach the resolver: the VPCs are not peered";
        report(sentence, "set enabled = true in [peering], or mode = \"off\"");
    }
    if !studio.vpc.dns_support {
        report("The resolver has no answers without DNS support in the Studio VPC", "set studio.dns_support = true");
    } else if by_default && studio.endpoints_known && forwarded(&studio.vpc).is_empty() {
        let sentence = "There is nothing to forward: the Studio VPC has no endpoint whose names are private";
        report(sentence, "begin one with [[studio.endpoints]] and service = \"studio\", or set mode = \"off\"");
    }
    if mode == DnsMode::Server && !onprem.dns_support {
        let sentence = "The DNS hosts have nobody to ask for public names without DNS support in their VPC";
        report(sentence, "set onprem.dns_support = true");
    }
    let has_packages = onprem.nat || onprem.gateway_endpoints.iter().any(|gateway| gateway.service == "s3");
    if mode == DnsMode::Server && !has_packages {
        let sentence = "The DNS hosts can't install BIND: nothing leads them to its packages";
        report(sentence, "begin [[onprem.gateway_endpoints]] with service = \"s3\", or set onprem.nat = true");
    }
}

/// Reports what is to be forwarded and would not be answered with private addresses.
fn check_forward(file: &Section, forward: &Spanned<Vec<Spanned<String>>>, mode: DnsMode, studio: &Network<Studio>) {
    if mode == DnsMode::Off {
        let fault = Fault::new("Nothing forwards names: `mode` is \"off\"", "set mode = \"dhcp\" or mode = \"server\"");
        file.report(forward.span(), fault);
        return;
    }
    for service in forward.get_ref() {
        let name = service.get_ref();
        let endpoint = studio.vpc.endpoints.iter().find(|endpoint| endpoint.service == *name);
        match endpoint {
            Some(endpoint) if endpoint.has_private_names() => {}
            Some(_) => {
                let sentence =
                    format!("The names of `{name}` would get public answers: its endpoint has no private DNS");
                file.report(service.span(), Fault::new(sentence, "set private_dns = true there, or leave it out here"));
            }
            None if studio.endpoints_known => {
                let sentence = format!("The names of `{name}` would get public answers: it has no endpoint");
                let hint = format!("begin [[studio.endpoints]] with service = \"{name}\", or leave it out here");
                file.report(service.span(), Fault::new(sentence, hint));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes};
    use crate::plan::Addresses;

    const STUDIO: &str = "[[studio.endpoints]]\nservice = \"studio\"\n";
    const PACKAGES: &str = "[[onprem.gateway_endpoints]]\nservice = \"s3\"\n";

    fn addresses(a: &str, b: &str) -> Addresses {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        Addresses { a: address(a), b: address(b) }
    }

    #[test]
    fn what_has_private_names_is_forwarded_by_default() {
        let endpoints = r#"
            [[studio.endpoints]]
            service = "lambda"
            [[studio.endpoints]]
            service = "sagemaker.api"
            [[studio.endpoints]]
            service = "execute-api"
            private_dns = false
            [[studio.endpoints]]
            service = "studio"
        "#;
        assert_eq!(lab(&format!("dns.mode = \"dhcp\"\n{endpoints}")).dns.forward, ["studio", "sagemaker.api"]);
        assert!(lab(endpoints).dns.forward.is_empty());
        let zones = endpoints.replace("private_dns = false", "hosted_zone = true");
        let forward = lab(&format!("dns.mode = \"dhcp\"\n{zones}")).dns.forward;
        assert_eq!(forward, ["studio", "execute-api", "sagemaker.api"]);
    }

    #[test]
    fn addresses_that_nobody_chose_are_free_ones() {
        let dns = lab("").dns;
        assert_eq!(dns.resolver, addresses("10.16.32.10", "10.16.96.10"));
        assert_eq!(dns.servers, addresses("192.168.10.10", "192.168.10.74"));
        let taken =
            "[[studio.endpoints]]\nservice = \"studio\"\naddresses = { a = \"10.16.0.14\", b = \"10.16.0.26\" }\n";
        let others =
            "[[studio.endpoints]]\nservice = \"sts\"\naddresses = { a = \"10.16.0.10\", b = \"10.16.0.30\" }\n";
        let small = "studio.cidr = \"10.16.0.0/27\"\ndns.mode = \"dhcp\"\n";
        assert_eq!(lab(&format!("{small}{taken}{others}")).dns.resolver, addresses("10.16.0.11", "10.16.0.27"));
        let smallest = lab("onprem.cidr = \"10.0.0.0/26\"");
        assert_eq!(smallest.dns.servers, addresses("10.0.0.10", "10.0.0.26"));
        assert_eq!(smallest.app_server.address, addresses("10.0.0.46", "10.0.0.46").a);
    }

    #[test]
    fn forwarders_need_something_to_forward_and_a_way_to_the_resolver() {
        assert_snapshot!(mistakes(r#"
dns.mode = "server"
peering.enabled = false
"#), @r#"
        3:12 The corporate network can't reach the resolver: the VPCs are not peered
            set enabled = true in [peering], or mode = "off"
        3:12 There is nothing to forward: the Studio VPC has no endpoint whose names are private
            begin one with [[studio.endpoints]] and service = "studio", or set mode = "off"
        3:12 The DNS hosts can't install BIND: nothing leads them to its packages
            begin [[onprem.gateway_endpoints]] with service = "s3", or set onprem.nat = true
        "#);
        assert_snapshot!(mistakes(r#"
dns.mode = "server"
studio = { dns_support = false, dns_hostnames = false }
onprem = { dns_support = false, dns_hostnames = false, internet_gateway = true, nat = true }
"#), @r"
        3:12 The resolver has no answers without DNS support in the Studio VPC
            set studio.dns_support = true
        3:12 The DNS hosts have nobody to ask for public names without DNS support in their VPC
            set onprem.dns_support = true
        ");
        assert_snapshot!(mistakes(&format!("dns.mode = \"dns\"\n{STUDIO}")), @r"
        2:12 `dns` is not a mode of DNS
            known here: `off`, `dhcp`, `server`
        ");
        lab(&format!("dns.mode = \"server\"\n{STUDIO}{PACKAGES}"));
        lab(&format!("dns.mode = \"dhcp\"\n{STUDIO}"));
    }

    #[test]
    fn what_only_follows_from_a_misspelt_service_is_not_told() {
        assert_snapshot!(mistakes(r#"
dns = { mode = "dhcp", forward = ["studio"] }
[[studio.endpoints]]
service = "studoi"
"#), @r"
        5:11 `studoi` is not a service that interface endpoints lead to
            did you mean `studio`?
        ");
    }

    #[test]
    fn only_what_has_a_private_answer_is_forwarded() {
        assert_snapshot!(mistakes(&format!(r#"
[dns]
mode = "dhcp"
forward = ["studio", "lambda", "sts"]
[[studio.endpoints]]
service = "lambda"
private_dns = false
{STUDIO}"#)), @r#"
        5:22 The names of `lambda` would get public answers: its endpoint has no private DNS
            set private_dns = true there, or leave it out here
        5:32 The names of `sts` would get public answers: it has no endpoint
            begin [[studio.endpoints]] with service = "sts", or leave it out here
        "#);
        assert_snapshot!(mistakes(&format!("dns.forward = [\"studio\"]\n{STUDIO}")), @r#"
        2:15 Nothing forwards names: `mode` is "off"
            set mode = "dhcp" or mode = "server"
        "#);
    }

    #[test]
    fn resolver_and_hosts_have_addresses_of_their_own_in_their_subnets() {
        assert_snapshot!(mistakes(&format!(r#"
[dns]
mode = "server"
resolver = {{ a = "10.16.32.40", b = "10.16.32.41" }}
servers = {{ a = "192.168.10.2", b = "192.168.10.127" }}
{PACKAGES}{STUDIO}addresses = {{ a = "10.16.32.40", b = "10.16.96.40" }}
"#)), @r"
        5:18 10.16.32.40 is taken by the endpoint for `studio`
            choose one from 10.16.32.4 to 10.16.47.254
        5:37 10.16.32.41 is not in the subnet `studio.private.b`, which is 10.16.96.0/20
            choose one from 10.16.96.4 to 10.16.111.254
        6:17 AWS keeps 192.168.10.2 for itself, as it does with five addresses of every subnet
            choose one from 192.168.10.4 to 192.168.10.62
        6:37 AWS keeps 192.168.10.127 for itself, as it does with five addresses of every subnet
            choose one from 192.168.10.68 to 192.168.10.126
        ");
    }

    #[test]
    fn addresses_of_what_is_not_there_are_not_judged() {
        lab("dns = { resolver = { a = \"1.1.1.1\" }, servers = { b = \"1.1.1.1\" } }");
    }

    #[test]
    fn hosts_and_their_domain_are_checked() {
        assert_snapshot!(mistakes(r#"
[dns]
instance_type = "t4g.micro"
image = "al2023"
volume_gib = 4
domain = "corp"
"#), @r#"
        4:17 t4g.micro has an Arm processor, and the images are for x86
            choose a type of Intel or AMD: "t3.micro", "t3a.medium"
        5:9 `al2023` is not the id of an AMI
            write its id, "ami-0123456789abcdef0", or leave it out for the newest
        6:14 `volume_gib` can't be `4`
            write a number from 8 to 16384
        7:10 The DNS hosts would hide every name under `corp`
            put a name of your own before it: "corp.example"
        "#);
        assert_snapshot!(mistakes("dns.domain = \"com.cn\""), @r#"
        2:14 The DNS hosts would hide names of AWS: `com.cn` is not apart from amazonaws.com.cn
            use a domain of your own: "corp.example"
        "#);
        assert_snapshot!(mistakes("dns.domain = \"eu-west-1.sagemaker.aws\""), @r#"
        2:14 The DNS hosts would hide names of AWS: `eu-west-1.sagemaker.aws` is not apart from sagemaker.aws
            use a domain of your own: "corp.example"
        "#);
        assert_snapshot!(mistakes("dns.domain = \"Corp.example.\""), @r#"
        2:14 `Corp.example.` is not a domain
            use lower-case letters, digits and hyphens between dots, and no dot at the end: "corp.example"
        "#);
    }
}
