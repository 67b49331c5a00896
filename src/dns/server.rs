//! A DNS host of a lab: BIND 9.18 on Amazon Linux 2023, set up by its user data alone.

use std::collections::BTreeMap;
use std::iter;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Forwarding;

/// A DNS server that forwards the private names to the inbound resolver, knows a sample zone, and asks the resolver of
/// its VPC for everything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsServer {
    /// Its own address.
    pub address: Ipv4Addr,
    /// Who may ask it; everybody else is refused.
    pub clients: Vec<Ipv4Net>,
    /// The private names.
    pub forwarding: Forwarding,
    /// The VPC's resolver: the base of the VPC's range plus two. The well-known 169.254.169.253 would do as well, but
    /// this one shows in which VPC it answers.
    pub upstream: Ipv4Addr,
    /// A zone that it knows by itself.
    pub sample: Option<SampleZone>,
}

/// A zone like those that a corporate DNS server is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleZone {
    /// `corp.example`.
    pub name: String,
    /// Addresses by the first label of their name; `dns` is the server itself.
    pub records: BTreeMap<String, Ipv4Addr>,
}

impl DnsServer {
    /// The user data that makes an instance of Amazon Linux 2023 this server: a script for bash that may run twice.
    /// cloud-init keeps what it says in `/var/log/cloud-init-output.log` and on the console.
    pub fn user_data(&self) -> String {
        self.user_data_below("")
    }

    /// The same with all files below another folder than `/`: `root` ends without a slash.
    pub fn user_data_below(&self, root: &str) -> String {
        let Self { upstream, .. } = self;
        let named_conf = self.named_conf(root);
        let sample = match &self.sample {
            Some(zone) => {
                let (file, content) = (zone.file(), zone.content(self.address));
                format!("cat >{root}/var/named/{file} <<'END'\n{content}END\n")
            }
            None => String::new(),
        };
        format!(
            "\
#!/bin/bash
set -euo pipefail
umask 022

# The DHCP options may name this very host as the resolver, and it doesn't answer yet.
mkdir -p {root}/etc/systemd/resolved.conf.d
cat >{root}/etc/systemd/resolved.conf.d/breezeway.conf <<'END'
[Resolve]
DNS={upstream}
Domains=~.
END
systemctl restart systemd-resolved

# The way to the packages may open minutes after the boot.
attempts=60
until dnf --assumeyes install bind bind-utils; do
    attempts=$((attempts - 1))
    if [ $attempts -eq 0 ]; then
        echo 'breezeway: bind can not be installed: has this subnet a way to the repositories in S3?' >&2
        exit 1
    fi
    sleep 10
done

cat >{root}/etc/named.conf <<'END'
{named_conf}END
{sample}named-checkconf -z {root}/etc/named.conf
systemctl enable named
systemctl restart named
echo 'breezeway: the DNS server is set up'
"
        )
    }

    /// `/etc/named.conf`, for files below `root`.
    fn named_conf(&self, root: &str) -> String {
        let Self { address, upstream, forwarding, .. } = self;
        let clients = list(iter::once("127.0.0.1".to_owned()).chain(self.clients.iter().map(Ipv4Net::to_string)));
        let sample = match &self.sample {
            Some(zone) => format!("\nzone \"{}\" {{ type primary; file \"{}\"; }};\n", zone.name, zone.file()),
            None => String::new(),
        };
        let forward_zones = forwarding.bind_zones();
        format!(
            "\
// Nobody manages it while it runs.
controls {{ }};

options {{
    directory \"{root}/var/named\";
    pid-file \"{root}/run/named/named.pid\";
    session-keyfile \"{root}/run/named/session.key\";
    listen-on {{ 127.0.0.1; {address}; }};
    listen-on-v6 {{ none; }};
    version none;
    hostname none;
    server-id none;

    recursion yes;
    allow-query {{ {clients} }};
    allow-recursion {{ {clients} }};
    allow-transfer {{ none; }};
    notify no;

    // Everything is forwarded, nothing is looked up on the internet: an answer that fails is SERVFAIL.
    forward only;
    forwarders {{ {upstream}; }};
    // A private answer can't be validated against the public tree.
    dnssec-validation no;
}};

{forward_zones}{sample}"
        )
    }
}

impl SampleZone {
    fn file(&self) -> String {
        format!("{}.zone", self.name)
    }

    fn content(&self, server: Ipv4Addr) -> String {
        let records = self.records.iter().map(|(name, address)| format!("{name} IN A {address}\n"));
        let records: String = records.collect();
        format!(
            "\
$TTL 300
@ IN SOA dns hostmaster 1 3600 600 604800 300
@ IN NS dns
dns IN A {server}
{records}"
        )
    }
}

/// The elements of a list in BIND's way: each ends with a semicolon.
pub(super) fn list(elements: impl IntoIterator<Item = impl ToString>) -> String {
    let elements: Vec<_> = elements.into_iter().map(|element| format!("{};", element.to_string())).collect();
    elements.join(" ")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn server() -> DnsServer {
        DnsServer {
            address: Ipv4Addr::new(192, 168, 10, 10),
            clients: vec!["192.168.10.0/24".parse().unwrap()],
            forwarding: Forwarding {
                zones: vec!["execute-api.eu-west-1.amazonaws.com".into(), "studio.eu-west-1.sagemaker.aws".into()],
                resolvers: vec![Ipv4Addr::new(10, 16, 32, 10), Ipv4Addr::new(10, 16, 96, 10)],
            },
            upstream: Ipv4Addr::new(192, 168, 10, 2),
            sample: Some(SampleZone {
                name: "corp.example".into(),
                records: [("app".to_owned(), Ipv4Addr::new(192, 168, 10, 148))].into(),
            }),
        }
    }

    #[test]
    fn user_data_installs_configures_checks_and_starts() {
        assert_snapshot!(server().user_data(), @r#"
        #!/bin/bash
        set -euo pipefail
        umask 022

        # The DHCP options may name this very host as the resolver, and it doesn't answer yet.
        mkdir -p /etc/systemd/resolved.conf.d
        cat >/etc/systemd/resolved.conf.d/breezeway.conf <<'END'
        [Resolve]
        DNS=192.168.10.2
        Domains=~.
        END
        systemctl restart systemd-resolved

        # The way to the packages may open minutes after the boot.
        attempts=60
        until dnf --assumeyes install bind bind-utils; do
            attempts=$((attempts - 1))
            if [ $attempts -eq 0 ]; then
                echo 'breezeway: bind can not be installed: has this subnet a way to the repositories in S3?' >&2
                exit 1
            fi
            sleep 10
        done

        cat >/etc/named.conf <<'END'
        // Nobody manages it while it runs.
        controls { };

        options {
            directory "/var/named";
            pid-file "/run/named/named.pid";
            session-keyfile "/run/named/session.key";
            listen-on { 127.0.0.1; 192.168.10.10; };
            listen-on-v6 { none; };
            version none;
            hostname none;
            server-id none;

            recursion yes;
            allow-query { 127.0.0.1; 192.168.10.0/24; };
            allow-recursion { 127.0.0.1; 192.168.10.0/24; };
            allow-transfer { none; };
            notify no;

            // Everything is forwarded, nothing is looked up on the internet: an answer that fails is SERVFAIL.
            forward only;
            forwarders { 192.168.10.2; };
            // A private answer can't be validated against the public tree.
            dnssec-validation no;
        };

        zone "execute-api.eu-west-1.amazonaws.com" { type forward; forward only; forwarders { 10.16.32.10; 10.16.96.10; }; };
        zone "studio.eu-west-1.sagemaker.aws" { type forward; forward only; forwarders { 10.16.32.10; 10.16.96.10; }; };

        zone "corp.example" { type primary; file "corp.example.zone"; };
        END
        cat >/var/named/corp.example.zone <<'END'
        $TTL 300
        @ IN SOA dns hostmaster 1 3600 600 604800 300
        @ IN NS dns
        dns IN A 192.168.10.10
        app IN A 192.168.10.148
        END
        named-checkconf -z /etc/named.conf
        systemctl enable named
        systemctl restart named
        echo 'breezeway: the DNS server is set up'
        "#);
    }

    #[test]
    fn without_a_sample_zone_nothing_is_said_of_it() {
        let user_data = DnsServer { sample: None, ..server() }.user_data();
        assert!(!user_data.contains("type primary") && !user_data.contains("/var/named/"), "{user_data}");
    }

    #[test]
    fn with_all_that_fits_a_plan_user_data_stays_below_16_kilobytes() {
        let mut server = server();
        server.forwarding.zones = (0..20).map(|n| format!("service{n}.ap-southeast-99.amazonaws.com.cn")).collect();
        server.forwarding.resolvers = vec![Ipv4Addr::new(100, 100, 100, 100); 6];
        server.clients = vec!["100.100.100.100/32".parse().unwrap(); 20];
        assert!(server.user_data().len() < 16 << 10);
    }
}
