//! The part that a DNS server already there must add to its own configuration.

use serde::Serialize;

use super::Forwarding;
use super::server::list;

/// A kind of DNS server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// BIND 9: zones for named.conf
    Bind,
    /// Unbound: clauses for unbound.conf
    Unbound,
    /// Windows Server DNS: PowerShell
    Windows,
    /// CoreDNS: a server block for the Corefile
    Coredns,
    /// Zscaler: what to enter in its admin portals
    Zscaler,
}

impl Forwarding {
    /// The configuration for one kind of server, with how to check it in its comments.
    pub fn config(&self, flavour: Flavour) -> String {
        match flavour {
            Flavour::Bind => self.bind(),
            Flavour::Unbound => self.unbound(),
            Flavour::Windows => self.windows(),
            Flavour::Coredns => self.coredns(),
            Flavour::Zscaler => self.zscaler(),
        }
    }

    /// A statement for each zone, on a line of its own.
    pub(super) fn bind_zones(&self) -> String {
        let resolvers = list(&self.resolvers);
        let zone = |zone| format!("zone \"{zone}\" {{ type forward; forward only; forwarders {{ {resolvers} }}; }};\n");
        self.zones.iter().map(zone).collect()
    }

    fn bind(&self) -> String {
        let checks = self.checks("dig @SERVER");
        let insecure = self.zones.iter().map(|zone| format!("\"{zone}\"; ")).collect::<String>();
        let zones = self.bind_zones();
        format!(
            "\
# For named.conf of BIND 9, beside its other zones; where it has views, inside each view whose clients use these names.
# Where it validates DNSSEC, its options also need
#   validate-except {{ {insecure}}};
# Where deny-answer-addresses guards against rebinding, that needs
#   except-from {{ {insecure}}};
{checks}
{zones}"
        )
    }

    fn unbound(&self) -> String {
        let checks = self.checks("dig @SERVER");
        let of_zone = |zone| format!("    domain-insecure: \"{zone}\"\n    private-domain: \"{zone}\"\n");
        let server: String = self.zones.iter().map(of_zone).collect();
        let resolvers = self.resolvers.iter().map(|resolver| format!("    forward-addr: {resolver}\n"));
        let resolvers: String = resolvers.collect();
        let of_zone = |zone| format!("\nforward-zone:\n    name: \"{zone}.\"\n    forward-first: no\n{resolvers}");
        let zones: String = self.zones.iter().map(of_zone).collect();
        format!(
            "\
# For unbound.conf of Unbound. private-domain lets private addresses pass where private-address guards against
# rebinding; domain-insecure says that private answers can't be validated.
{checks}
server:
{server}{zones}"
        )
    }

    fn windows(&self) -> String {
        let checks = self.checks("Resolve-DnsName -Server SERVER -Type A -Name");
        let quoted = |texts: Vec<String>| {
            let texts: Vec<_> = texts.iter().map(|text| format!("'{text}'")).collect();
            texts.join(", ")
        };
        let zones = quoted(self.zones.clone());
        let resolvers = quoted(self.resolvers.iter().map(ToString::to_string).collect());
        format!(
            "\
# For Windows Server DNS, in an elevated PowerShell on the server; it may run again. For zones kept in Active Directory,
# add -ReplicationScope Forest to the Add line. Recursion is off: with it the server would ask the internet when the
# resolver doesn't answer, by root hints or its other forwarders.
{checks}
$resolvers = {resolvers}
foreach ($zone in {zones}) {{
    if (-not (Get-DnsServerZone -Name $zone -ErrorAction SilentlyContinue)) {{
        Add-DnsServerConditionalForwarderZone -Name $zone -MasterServers $resolvers
    }}
    Set-DnsServerConditionalForwarderZone -Name $zone -MasterServers $resolvers -UseRecursion $false
}}
"
        )
    }

    fn coredns(&self) -> String {
        let checks = self.checks("dig @SERVER");
        let zones = self.zones.join(" ");
        let resolvers = self.resolvers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        format!(
            "\
# For the Corefile of CoreDNS: a server block of its own, from which no query falls through to another.
{checks}
{zones} {{
    errors
    cache 60
    forward . {resolvers}
}}
"
        )
    }

    fn zscaler(&self) -> String {
        let checks = self.checks("on the host of an App Connector, dig");
        let lines = |texts: Vec<String>| texts.iter().map(|text| format!("     {text}\n")).collect::<String>();
        let domains = lines(self.zones.iter().flat_map(|zone| [format!("*.{zone}"), zone.clone()]).collect());
        let zones = lines(self.zones.clone());
        let resolvers = lines(self.resolvers.iter().map(ToString::to_string).collect());
        format!(
            "\
# For Zscaler, entered by hand in its admin portals: it takes no configuration file. ZIA's cloud can't reach the
# resolver's private addresses; ZPA's App Connectors inside the corporate network can.
{checks}
1. The DNS servers that the App Connectors use forward these zones (dns-config --for bind, unbound or windows):
{zones}   to the resolver:
{resolvers}   and never elsewhere. The App Connector resolves the name, not the user's machine.

2. ZPA, Application Segments: add one with the domains
{domains}   on TCP port 443, bypass never, served by a server group with dynamic discovery whose App Connectors
   stand in the corporate network. An access policy admits its users.

3. ZIA, SSL Inspection Policy: these domains are not inspected. Studio's pages hold websockets open, and what
   is decrypted on the way includes the presigned URL. In the forwarding profile and PAC file of Zscaler Client
   Connector they must not be sent to ZIA before ZPA sees them, and no rule of ZIA's DNS Control may answer or
   redirect them.

4. Don't rely on aws:SourceIp. Over ZIA, requests come from addresses that Zscaler's other customers share; through
   the VPC endpoint the key is absent. The condition to use is aws:SourceVpce.
"
        )
    }

    /// Comments on how to see that it works, with a command that ends in the name to look up.
    fn checks(&self, command: &str) -> String {
        let studio = self.zones.iter().find(|zone| zone.starts_with("studio.") && !zone.ends_with(".app.aws"));
        let check = studio.map_or(String::new(), |zone| format!("# Check: {command} d-example.{zone}\n"));
        format!(
            "\
{check}# The answer must hold private addresses of the VPC endpoint only. When the resolver can't be reached, it must be
# SERVFAIL: any other answer means that somebody else was asked.
"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use insta::assert_snapshot;

    use super::*;

    fn config(flavour: Flavour) -> String {
        let forwarding = Forwarding {
            zones: vec!["execute-api.eu-west-1.amazonaws.com".into(), "studio.eu-west-1.sagemaker.aws".into()],
            resolvers: vec![Ipv4Addr::new(10, 16, 32, 10), Ipv4Addr::new(10, 16, 96, 10)],
        };
        forwarding.config(flavour)
    }

    #[test]
    fn for_bind() {
        assert_snapshot!(config(Flavour::Bind), @r#"
        # For named.conf of BIND 9, beside its other zones; where it has views, inside each view whose clients use these names.
        # Where it validates DNSSEC, its options also need
        #   validate-except { "execute-api.eu-west-1.amazonaws.com"; "studio.eu-west-1.sagemaker.aws"; };
        # Where deny-answer-addresses guards against rebinding, that needs
        #   except-from { "execute-api.eu-west-1.amazonaws.com"; "studio.eu-west-1.sagemaker.aws"; };
        # Check: dig @SERVER d-example.studio.eu-west-1.sagemaker.aws
        # The answer must hold private addresses of the VPC endpoint only. When the resolver can't be reached, it must be
        # SERVFAIL: any other answer means that somebody else was asked.

        zone "execute-api.eu-west-1.amazonaws.com" { type forward; forward only; forwarders { 10.16.32.10; 10.16.96.10; }; };
        zone "studio.eu-west-1.sagemaker.aws" { type forward; forward only; forwarders { 10.16.32.10; 10.16.96.10; }; };
        "#);
    }

    #[test]
    fn for_unbound() {
        assert_snapshot!(config(Flavour::Unbound), @r#"
        # For unbound.conf of Unbound. private-domain lets private addresses pass where private-address guards against
        # rebinding; domain-insecure says that private answers can't be validated.
        # Check: dig @SERVER d-example.studio.eu-west-1.sagemaker.aws
        # The answer must hold private addresses of the VPC endpoint only. When the resolver can't be reached, it must be
        # SERVFAIL: any other answer means that somebody else was asked.

        server:
            domain-insecure: "execute-api.eu-west-1.amazonaws.com"
            private-domain: "execute-api.eu-west-1.amazonaws.com"
            domain-insecure: "studio.eu-west-1.sagemaker.aws"
            private-domain: "studio.eu-west-1.sagemaker.aws"

        forward-zone:
            name: "execute-api.eu-west-1.amazonaws.com."
            forward-first: no
            forward-addr: 10.16.32.10
            forward-addr: 10.16.96.10

        forward-zone:
            name: "studio.eu-west-1.sagemaker.aws."
            forward-first: no
            forward-addr: 10.16.32.10
            forward-addr: 10.16.96.10
        "#);
    }

    #[test]
    fn for_windows() {
        assert_snapshot!(config(Flavour::Windows), @r"
        # For Windows Server DNS, in an elevated PowerShell on the server; it may run again. For zones kept in Active Directory,
        # add -ReplicationScope Forest to the Add line. Recursion is off: with it the server would ask the internet when the
        # resolver doesn't answer, by root hints or its other forwarders.
        # Check: Resolve-DnsName -Server SERVER -Type A -Name d-example.studio.eu-west-1.sagemaker.aws
        # The answer must hold private addresses of the VPC endpoint only. When the resolver can't be reached, it must be
        # SERVFAIL: any other answer means that somebody else was asked.

        $resolvers = '10.16.32.10', '10.16.96.10'
        foreach ($zone in 'execute-api.eu-west-1.amazonaws.com', 'studio.eu-west-1.sagemaker.aws') {
            if (-not (Get-DnsServerZone -Name $zone -ErrorAction SilentlyContinue)) {
                Add-DnsServerConditionalForwarderZone -Name $zone -MasterServers $resolvers
            }
            Set-DnsServerConditionalForwarderZone -Name $zone -MasterServers $resolvers -UseRecursion $false
        }
        ");
    }

    #[test]
    fn for_coredns() {
        assert_snapshot!(config(Flavour::Coredns), @r"
        # For the Corefile of CoreDNS: a server block of its own, from which no query falls through to another.
        # Check: dig @SERVER d-example.studio.eu-west-1.sagemaker.aws
        # The answer must hold private addresses of the VPC endpoint only. When the resolver can't be reached, it must be
        # SERVFAIL: any other answer means that somebody else was asked.

        execute-api.eu-west-1.amazonaws.com studio.eu-west-1.sagemaker.aws {
            errors
            cache 60
            forward . 10.16.32.10 10.16.96.10
        }
        ");
    }

    #[test]
    fn for_zscaler() {
        assert_snapshot!(config(Flavour::Zscaler), @r"
        # For Zscaler, entered by hand in its admin portals: it takes no configuration file. ZIA's cloud can't reach the
        # resolver's private addresses; ZPA's App Connectors inside the corporate network can.
        # Check: on the host of an App Connector, dig d-example.studio.eu-west-1.sagemaker.aws
        # The answer must hold private addresses of the VPC endpoint only. When the resolver can't be reached, it must be
        # SERVFAIL: any other answer means that somebody else was asked.

        1. The DNS servers that the App Connectors use forward these zones (dns-config --for bind, unbound or windows):
             execute-api.eu-west-1.amazonaws.com
             studio.eu-west-1.sagemaker.aws
           to the resolver:
             10.16.32.10
             10.16.96.10
           and never elsewhere. The App Connector resolves the name, not the user's machine.

        2. ZPA, Application Segments: add one with the domains
             *.execute-api.eu-west-1.amazonaws.com
             execute-api.eu-west-1.amazonaws.com
             *.studio.eu-west-1.sagemaker.aws
             studio.eu-west-1.sagemaker.aws
           on TCP port 443, bypass never, served by a server group with dynamic discovery whose App Connectors
           stand in the corporate network. An access policy admits its users.

        3. ZIA, SSL Inspection Policy: these domains are not inspected. Studio's pages hold websockets open, and what
           is decrypted on the way includes the presigned URL. In the forwarding profile and PAC file of Zscaler Client
           Connector they must not be sent to ZIA before ZPA sees them, and no rule of ZIA's DNS Control may answer or
           redirect them.

        4. Don't rely on aws:SourceIp. Over ZIA, requests come from addresses that Zscaler's other customers share; through
           the VPC endpoint the key is absent. The condition to use is aws:SourceVpce.
        ");
    }
}
