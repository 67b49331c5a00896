//! The Windows host from which Studio is opened.

use std::path::Path;

use super::network::Room;
use crate::plan::mistake::Fault;
use crate::plan::section::{Said, Section};
use crate::plan::{AppServer, Onprem, key, value};

/// The section; files that it names are looked for from `folder`.
pub(super) fn app_server(mut file: Section, folder: &Path, onprem: &Onprem, room: &mut Room) -> AppServer {
    let default = AppServer::within(onprem);
    let enabled = file.boolean("enabled").or(default.enabled);
    let address = file.text("address", value::address);
    let operator_cidr = file.text("operator_cidr", value::operator_cidr);
    if enabled {
        // Where nothing stands, no address is taken.
        room.give(&file, &address, "the app server");
    }
    if !onprem.internet_gateway
        && let Some(span) = operator_cidr.span()
    {
        let sentence = "Nobody can connect from outside without an internet gateway";
        file.report(span, Fault::new(sentence, "set onprem.internet_gateway = true, or leave this out"));
    }
    let app_server = AppServer {
        enabled,
        instance_type: file.text("instance_type", value::instance_type).or(default.instance_type),
        image: file.text("image", value::image).into_value(),
        address: address.or(default.address),
        volume_gib: file.integer("volume_gib", 30, 16384).or(default.volume_gib),
        operator_cidr: operator_cidr.into_value(),
        public_key: public_key(&mut file, folder),
        session_manager: file.boolean("session_manager").or(default.session_manager),
    };
    file.finish();
    app_server
}

/// The key itself, whichever way the file gives it.
fn public_key(file: &mut Section, folder: &Path) -> Option<String> {
    let here = file.hidden("public_key", key::public_key);
    let elsewhere = file.text("public_key_file", |path| match here {
        Said::Nothing => key::read_public_key(path, folder),
        _ => Err(Fault::new("There is a `public_key` as well", "keep one of the two")),
    });
    here.into_value().or(elsewhere.into_value())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use insta::assert_snapshot;

    use super::super::testing::{lab, mistakes, picture};
    use crate::plan::key::testing::RSA;
    use crate::plan::{Source, parse};

    #[test]
    fn rdp_is_not_opened_to_the_internet() {
        let operator = |cidr: &str| {
            format!("onprem.internet_gateway = true\napp_server = {{ enabled = true, operator_cidr = \"{cidr}\" }}")
        };
        assert_snapshot!(mistakes(&operator("0.0.0.0/0")), @r#"
        3:48 RDP is not opened to the whole internet
            write the network that you come from, a single address if you can: "203.0.113.7/32"
        "#);
        assert_snapshot!(mistakes(&operator("203.0.113.7/0")), @r#"
        3:48 RDP is not opened to the whole internet
            write the network that you come from, a single address if you can: "203.0.113.7/32"
        "#);
        assert_snapshot!(mistakes(&operator("128.0.0.0/1")), @r#"
        3:48 RDP is not opened to so large a part of the internet as a /1
            write the network that you come from, a single address if you can: "203.0.113.7/32"
        "#);
        assert_snapshot!(mistakes(&operator("203.0.113.7")), @r#"
        3:48 203.0.113.7 is an address, not a network
            did you mean "203.0.113.7/32"?
        "#);
        assert!(lab(&operator("203.0.113.7/32")).app_server.operator_cidr.is_some());
    }

    #[test]
    fn one_network_is_no_list() {
        assert_snapshot!(mistakes("app_server.operator_cidr = [\"203.0.113.7/32\"]"), @r#"
        2:28 A text belongs here, not a list
            write an address and the length of its prefix: "10.16.0.0/16"
        "#);
    }

    #[test]
    fn an_operator_needs_a_way_in() {
        assert_snapshot!(mistakes("app_server.operator_cidr = \"203.0.113.7/32\""), @r"
        2:28 Nobody can connect from outside without an internet gateway
            set onprem.internet_gateway = true, or leave this out
        ");
    }

    #[test]
    fn its_address_is_in_the_first_public_subnet() {
        assert_snapshot!(mistakes("app_server = { enabled = true, address = \"192.168.10.200\" }"), @r"
        2:42 192.168.10.200 is not in the subnet `onprem.public.a`, which is 192.168.10.128/26
            choose one from 192.168.10.132 to 192.168.10.190
        ");
    }

    #[test]
    fn it_is_a_windows_host() {
        assert_snapshot!(mistakes(r#"
[app_server]
instance_type = "m7g.large"
image = "ami-0123"
volume_gib = 8
"#), @r#"
        4:17 m7g.large has an Arm processor, and the images are for x86
            choose a type of Intel or AMD: "t3.micro", "t3a.medium"
        5:9 `ami-0123` is not the id of an AMI
            write its id, "ami-0123456789abcdef0", or leave it out for the newest
        6:14 `volume_gib` can't be `8`
            write a number from 30 to 16384
        "#);
        assert_snapshot!(mistakes("app_server.instance_type = \"t3a\""), @r#"
        2:28 `t3a` is not an instance type
            write its family and its size: "t3.micro"
        "#);
    }

    #[test]
    fn a_key_is_kept_without_its_comment() {
        let plan = lab(&format!("app_server.public_key = \"{RSA} me@example\\n\""));
        assert_eq!(plan.app_server.public_key.as_deref(), Some(RSA));
    }

    /// The key that a plan in a folder gets from a file in it, or the mistake.
    fn read(file: &str, content: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.pub"), content).unwrap();
        let name = folder.path().join("lab.toml").display().to_string();
        let text = format!("name = \"lab\"\napp_server.public_key_file = \"{file}\"");
        match parse(&Source { name, text }) {
            Ok(plan) => plan.app_server.public_key.unwrap_or_default(),
            Err(error) => error.mistakes.iter().map(|mistake| mistake.sentence.clone()).collect(),
        }
    }

    #[test]
    fn a_key_may_be_in_a_file_beside_the_plan() {
        assert_eq!(read("key.pub", &format!("{RSA} me@example\n")), RSA);
        assert_snapshot!(read("none.pub", ""), @"`none.pub` can't be read: No such file or directory (os error 2)");
        assert_snapshot!(read(".", ""), @"`.` can't be read: is a directory");
        assert_snapshot!(read("key.pub", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n"), @"`key.pub`: This is a private key");
        assert_snapshot!(read("key.pub", "c2VjcmV0"), @"`key.pub`: This is not a public RSA key in OpenSSH's form");
    }

    #[test]
    fn what_stands_for_a_public_key_is_never_shown() {
        for said in ["\"c2VjcmV0\"", "[\"c2VjcmV0\"]", "\"\"\"\nc2VjcmV0\n\"\"\"", "\"c2VjcmV0\"\nimage = 1"] {
            let picture = picture(&format!("name = \"lab\"\n[app_server]\npublic_key = {said}\n"));
            assert!(!picture.contains("c2VjcmV0"), "{picture}");
        }
    }

    #[test]
    fn a_key_is_given_once() {
        assert_snapshot!(mistakes("[app_server]\npublic_key = \"\"\npublic_key_file = \"none\""), @r#"
        3:14 This is not a public RSA key in OpenSSH's form
            it is one line, "ssh-rsa AAAA…": `ssh-keygen -y -f FILE` prints it from the private key
        4:19 There is a `public_key` as well
            keep one of the two
        "#);
    }
}
