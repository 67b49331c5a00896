//! What the texts of a plan mean: each function takes a text and says what it is, or what is wrong with it.

use ipnet::Ipv4Net;
use jiff::civil::Date;

use super::mistake::{Fault, quoted, suggestion};
use super::{Direction, Group, Ports, Protocol};

pub(super) fn lab_name(text: &str) -> Result<String, Fault> {
    let letters = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let ends = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-');
    if letters && ends && text.len() <= 32 {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("A lab can't be named {}", quoted(text)),
        "use 1 to 32 lower-case letters, digits and hyphens; begin with a letter and don't end with a hyphen",
    ))
}

pub(super) fn account(text: &str) -> Result<String, Fault> {
    if is_account(text) {
        return Ok(text.into());
    }
    Err(Fault::new(format!("{} is not an AWS account", quoted(text)), "an account is twelve digits: \"111122223333\""))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn region(text: &str) -> Result<String, Fault> {
    if is_region(text) {
        return Ok(text.into());
    }
    Err(Fault::new(format!("{} is not a Region", quoted(text)), "write a Region as AWS does: \"eu-west-1\""))
}

fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    words.contains('-') && words.split('-').all(is_word) && is_digits(number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The Region of a zone, Local Zones included: `us-west-2` of `us-west-2a` and of `us-west-2-lax-1a`.
pub(super) fn region_of(zone: &str) -> &str {
    let digits = zone.find(|c: char| c.is_ascii_digit()).unwrap_or(zone.len());
    let end = zone[digits..].find(|c: char| !c.is_ascii_digit()).map_or(zone.len(), |after| digits + after);
    &zone[..end]
}

pub(super) fn zone(text: &str) -> Result<String, Fault> {
    let region = region_of(text);
    let rest = &text[region.len()..];
    let letters = rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_region(region) && letters && rest.ends_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not the name of an Availability Zone", quoted(text)),
        "write the zone's name, not its id: a Region and a letter, as in \"us-east-1a\"",
    ))
}

pub(super) fn date(text: &str) -> Result<Date, Fault> {
    let date = text.parse::<Date>().ok();
    // jiff reads other notations too.
    date.filter(|date| date.to_string() == text).ok_or_else(|| {
        Fault::new(format!("{} is not a date", quoted(text)), "write year, month and day: \"2026-12-31\"")
    })
}

pub(super) fn policy_arn(text: &str) -> Result<String, Fault> {
    let parts: Vec<&str> = text.split(':').collect();
    if let ["arn", partition, "iam", "", account, resource] = parts[..]
        && partition.starts_with("aws")
        && (account == "aws" || is_account(account))
        && resource.strip_prefix("policy/").is_some_and(|name| !name.is_empty())
    {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not the ARN of an IAM policy", quoted(text)),
        "it has this form: \"arn:aws:iam::111122223333:policy/NAME\"",
    ))
}

pub(super) fn tag_key(text: &str) -> Result<(), Fault> {
    let lower = text.to_lowercase();
    if let Some(taken) = ["aws:", "breezeway:"].into_iter().find(|prefix| lower.starts_with(prefix)) {
        return Err(Fault::new(format!("Keys of tags that begin with `{taken}` are taken"), "use another key"));
    }
    if lower == "name" {
        return Err(Fault::new("The tag `Name` is given to each resource by the lab", "use another key"));
    }
    if text.is_empty() || text.chars().count() > 128 || !text.chars().all(is_tag_char) {
        return Err(Fault::new(
            format!("The key of a tag can't be {}", quoted(text)),
            "use 1 to 128 letters, digits, spaces and _.:/=+-@",
        ));
    }
    Ok(())
}

pub(super) fn tag_value(text: &str) -> Result<String, Fault> {
    if text.chars().count() <= 256 && text.chars().all(is_tag_char) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("The value of a tag can't be {}", quoted(text)),
        "use at most 256 letters, digits, spaces and _.:/=+-@",
    ))
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || " _.:/=+-@".contains(c)
}

/// An IPv4 network, written by its first address.
pub(super) fn network(text: &str) -> Result<Ipv4Net, Fault> {
    let Ok(network) = text.parse::<Ipv4Net>() else {
        let hint = match text.contains("::") {
            true => "only IPv4 is supported: \"10.16.0.0/16\"",
            false => "write an address and the length of its prefix: \"10.16.0.0/16\"",
        };
        return Err(Fault::new(format!("{} is not an IPv4 network", quoted(text)), hint));
    };
    if network != network.trunc() {
        return Err(Fault::new(
            format!("{} is not the first address of a /{}", network.addr(), network.prefix_len()),
            format!("did you mean \"{}\"?", network.trunc()),
        ));
    }
    Ok(network)
}

/// The range of a VPC that is large enough for the subnets of this lab, `smallest` being the longest prefix.
pub(super) fn vpc(text: &str, smallest: u8) -> Result<Ipv4Net, Fault> {
    let network = network(text)?;
    if !(16..=smallest).contains(&network.prefix_len()) {
        let sentence = format!(
            "A /{} is {}",
            network.prefix_len(),
            if network.prefix_len() < 16 {
                "larger than AWS lets a VPC be"
            } else {
                "too small for the subnets of this VPC"
            }
        );
        return Err(Fault::new(sentence, format!("use /16 to /{smallest}")));
    }
    let address = network.network();
    let use_of = match address.octets()[0] {
        0 => "this host",
        127 => "loopback",
        169 if address.is_link_local() => "link-local addresses",
        224..=239 => "multicast",
        240.. => "nothing yet",
        _ => return Ok(network),
    };
    Err(Fault::new(
        format!("{network} is reserved for {use_of}"),
        "use a private range: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
    ))
}

pub(super) fn subnet(text: &str) -> Result<Ipv4Net, Fault> {
    let network = network(text)?;
    if (16..=28).contains(&network.prefix_len()) {
        return Ok(network);
    }
    Err(Fault::new(format!("A subnet can't be a /{}", network.prefix_len()), "AWS allows /16 to /28"))
}

pub(super) fn direction(text: &str) -> Result<Direction, Fault> {
    word(text, "a direction", &[("ingress", Direction::Ingress), ("egress", Direction::Egress)])
}

pub(super) fn protocol(text: &str) -> Result<Protocol, Fault> {
    let known = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("icmp", Protocol::Icmp), ("all", Protocol::All)];
    word(text, "a protocol", &known)
}

pub(super) fn group(text: &str) -> Result<Group, Fault> {
    word(text, "a group that a rule can name", &[("self", Group::Own)])
}

fn word<T: Copy>(text: &str, kind: &str, known: &[(&str, T)]) -> Result<T, Fault> {
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    match known.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => Err(Fault::new(format!("{} is not {kind}", quoted(text)), suggestion(text, &words))),
    }
}

pub(super) fn ports(text: &str) -> Result<Ports, Fault> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().filter(|_| is_digits(text));
    let (Some(from), Some(to)) = (port(from), port(to)) else {
        return Err(Fault::new(
            format!("{} is neither a port nor a range of ports", quoted(text)),
            "write a port from 0 to 65535, \"53\", or two with a hyphen, \"1024-2048\"",
        ));
    };
    if from > to {
        return Err(Fault::new(format!("{text} ends before it begins"), format!("did you mean \"{to}-{from}\"?")));
    }
    Ok(Ports { from, to })
}

/// The description of a security group's rule.
pub(super) fn rule_description(text: &str) -> Result<String, Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.chars().count() <= 255 && text.chars().all(allowed) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("A rule can't be described as {}", quoted(text)),
        "use at most 255 letters without accents, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
    ))
}

/// The description of a role.
pub(super) fn role_description(text: &str) -> Result<String, Fault> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '¡'..='ÿ');
    if text.chars().count() <= 1000 && text.chars().all(allowed) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("A role can't be described as {}", quoted(text)),
        "use at most 1000 characters, of those of Western European languages",
    ))
}

/// A service principal: `lambda.amazonaws.com`.
pub(super) fn service(text: &str) -> Result<String, Fault> {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if text.contains('.') && text.len() <= 255 && text.split('.').all(is_label) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not a service", quoted(text)),
        "name the service as IAM does: \"lambda.amazonaws.com\"",
    ))
}

/// What a policy allows: `logs:PutLogEvents`, `logs:*`.
pub(super) fn action(text: &str) -> Result<String, Fault> {
    if let Some((service, action)) = text.split_once(':') {
        let is_service = service.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_action = action.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*' || b == b'?');
        if is_service && is_action && !service.is_empty() && !action.is_empty() {
            return Ok(text.into());
        }
    }
    Err(Fault::new(
        format!("{} is not an action", quoted(text)),
        "write a service and one of its actions: \"logs:PutLogEvents\" or \"logs:*\"",
    ))
}

/// What a policy allows it on: an ARN, wildcards included, or `*`.
pub(super) fn resource(text: &str) -> Result<String, Fault> {
    let is_arn = text.starts_with("arn:") && text.split(':').count() >= 6;
    if text == "*" || (is_arn && text.chars().all(|c| c.is_ascii_graphic())) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not a resource of a policy", quoted(text)),
        "write an ARN, \"arn:aws:logs:*:*:log-group:/aws/lambda/*\", or \"*\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of these texts mean nothing.
    fn refused<'t, T>(texts: &[&'t str], meaning: impl Fn(&str) -> Result<T, Fault>) -> Vec<&'t str> {
        texts.iter().copied().filter(|text| meaning(text).is_err()).collect()
    }

    #[test]
    fn names_are_short_and_lower_case() {
        let longest = "a".repeat(32);
        assert_eq!(refused(&["a", "lab-2", &longest], lab_name), [""; 0]);
        let wrong = ["", "-a", "a-", "2a", "Lab", "a_b", "é", "a b", &format!("{longest}a")];
        assert_eq!(refused(&wrong, lab_name), wrong);
    }

    #[test]
    fn regions_and_zones_of_every_partition_are_known_by_their_form() {
        let regions =
            ["eu-west-1", "ap-southeast-7", "us-gov-east-1", "cn-northwest-1", "us-isob-east-1", "eusc-de-east-1"];
        assert_eq!(refused(&regions, region), [""; 0]);
        let wrong = ["", "europe", "eu-west", "eu-west-", "EU-west-1", "eu-west-1a", "-west-1", "eu--1", "1"];
        assert_eq!(refused(&wrong, region), wrong);
        let zones = ["us-east-1a", "us-gov-west-1c", "us-west-2-lax-1a", "us-east-1-wl1-bos-wlz-1a"];
        assert_eq!(refused(&zones, zone), [""; 0]);
        let wrong = ["", "us-east-1", "use1-az1", "a", "us-east-1A", "us-east-1 a", "us-east-1é"];
        assert_eq!(refused(&wrong, zone), wrong);
    }

    #[test]
    fn a_zone_says_its_region() {
        assert_eq!(region_of("us-east-1a"), "us-east-1");
        assert_eq!(region_of("us-west-2-lax-1a"), "us-west-2");
        assert_eq!(region_of("é"), "é");
    }

    #[test]
    fn dates_are_written_in_one_way() {
        assert_eq!(refused(&["2026-12-31", "2028-02-29"], date), [""; 0]);
        let wrong = ["", "2026-02-29", "20261231", "2026-12-31T00:00:00", "31.12.2026", "2026-1-1"];
        assert_eq!(refused(&wrong, date), wrong);
    }

    #[test]
    fn a_boundary_is_a_policy() {
        let right = ["arn:aws:iam::111122223333:policy/b", "arn:aws-cn:iam::aws:policy/PowerUserAccess"];
        assert_eq!(refused(&right, policy_arn), [""; 0]);
        let wrong =
            ["", "b", "arn:aws:iam::111122223333:role/b", "arn:aws:iam::1:policy/b", "arn:aws:iam::aws:policy/"];
        assert_eq!(refused(&wrong, policy_arn), wrong);
    }

    #[test]
    fn tags_are_measured_in_characters() {
        let (key, text) = ("é".repeat(128), "é".repeat(256));
        assert!(tag_key(&key).is_ok() && tag_key(&format!("{key}é")).is_err());
        assert!(tag_value(&text).is_ok() && tag_value(&format!("{text}é")).is_err());
    }

    #[test]
    fn ports_run_from_0_to_65535() {
        assert_eq!(ports("53"), Ok(Ports { from: 53, to: 53 }));
        assert_eq!(ports("0-65535"), Ok(Ports { from: 0, to: 65535 }));
        let wrong = ["", "-", "1-", "-1", "+1", "65536", "2-1", "1-2-3", " 1", "http"];
        assert_eq!(refused(&wrong, ports), wrong);
    }

    #[test]
    fn some_ranges_are_no_place_for_a_vpc() {
        assert_eq!(refused(&["10.0.0.0/16", "100.64.0.0/26", "169.253.0.0/16"], |text| vpc(text, 26)), [""; 0]);
        let wrong = ["0.0.0.0/16", "127.0.0.0/16", "169.254.0.0/24", "224.0.0.0/16", "239.1.0.0/16", "255.255.0.0/16"];
        assert_eq!(refused(&wrong, |text| vpc(text, 26)), wrong);
        assert_eq!(refused(&["10.0.0.0/15", "10.0.0.0/27"], |text| vpc(text, 26)), ["10.0.0.0/15", "10.0.0.0/27"]);
    }

    #[test]
    fn actions_and_resources_have_the_form_that_iam_expects() {
        assert_eq!(refused(&["logs:PutLogEvents", "s3:*", "execute-api:Invoke"], action), [""; 0]);
        let wrong = ["", "*", "logs", "logs:", ":Put", "logs:Put Events", "logs:a:b"];
        assert_eq!(refused(&wrong, action), wrong);
        assert_eq!(refused(&["*", "arn:aws:s3:::b/*", "arn:*:logs:*:*:log-group:a:*"], resource), [""; 0]);
        let wrong = ["", "b", "arn:aws:s3", "arn:aws:s3:::b c"];
        assert_eq!(refused(&wrong, resource), wrong);
    }
}
