//! What the texts of a plan mean: each function takes a text and says what it is, or what is wrong with it.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::civil::Date;

use super::mistake::{Fault, quoted, suggestion};
use super::{AccessMode, Direction, DnsMode, Group, Ports, Protocol};
use crate::aws::services;

/// The shortest prefix of a network that isn't as good as the whole internet.
const WIDEST: u8 = 8;

/// Networks whose hosts the internet doesn't know, RFC 1918 and 6598.
const PRIVATE: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// The directions in the names of Regions, and in the ids of their zones.
const DIRECTIONS: [(&str, &str); 9] = [
    ("north", "n"),
    ("northeast", "ne"),
    ("east", "e"),
    ("southeast", "se"),
    ("south", "s"),
    ("southwest", "sw"),
    ("west", "w"),
    ("northwest", "nw"),
    ("central", "c"),
];

/// A lab's name that AWS lets everything be called after.
pub(super) fn new_lab_name(text: &str) -> Result<String, Fault> {
    // Security groups begin with it.
    if text == "sg" || text.starts_with("sg-") {
        let sentence =
            format!("A lab can't be named {}: EC2 keeps names that begin with `sg-` for itself", quoted(text));
        return Err(Fault::new(sentence, "use another name"));
    }
    lab_name(text)
}

/// A lab's name, short enough for every name that is made of it: a resolver endpoint's has 64 characters at most.
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
    let Some((area, direction)) = words.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    area.split('-').all(is_word)
        && DIRECTIONS.iter().any(|(known, _)| *known == direction)
        && is_digits(number)
        && number.len() <= 2
}

/// What the ids of a Region's zones begin with: `use1` of `us-east-1`; none where that isn't known.
pub(super) fn zone_ids_of(region: &str) -> Option<String> {
    let (area, direction, number) = match region.split('-').collect::<Vec<_>>()[..] {
        [area, direction, number] => (area.to_owned(), direction, number),
        ["us", "gov", direction, number] => ("usg".to_owned(), direction, number),
        _ => return None,
    };
    let (_, direction) = DIRECTIONS.iter().find(|(known, _)| *known == direction)?;
    Some(format!("{area}{direction}{number}"))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// What the name or the id of a zone says of its Region, Local Zones included: `us-west-2` of `us-west-2a` and of
/// `us-west-2-lax-1a`, `usw2` of `usw2-az1`.
pub(super) fn region_of(zone: &str) -> &str {
    let digits = zone.find(|c: char| c.is_ascii_digit()).unwrap_or(zone.len());
    let end = zone[digits..].find(|c: char| !c.is_ascii_digit()).map_or(zone.len(), |after| digits + after);
    &zone[..end]
}

/// The name of a zone in the account at hand, or its id, which is the same in every account.
pub(super) fn zone(text: &str) -> Result<String, Fault> {
    let region = region_of(text);
    let rest = &text[region.len()..];
    let letters = rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_name = is_region(region) && letters && rest.ends_with(|c: char| c.is_ascii_lowercase());
    if is_name || is_zone_id(text) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not an Availability Zone", quoted(text)),
        "write the zone's name, \"us-east-1a\", or its id, \"use1-az1\"",
    ))
}

pub(super) fn is_zone_id(text: &str) -> bool {
    let Some((group, number)) = text.rsplit_once("-az") else { return false };
    let is_part = |part: &str| {
        let digits = part.trim_start_matches(|c: char| c.is_ascii_lowercase());
        digits.len() < part.len() && is_digits(digits)
    };
    group.split('-').all(is_part) && is_digits(number)
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
    let is_name = |name: &str| {
        (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
    };
    if let ["arn", partition, "iam", "", account, resource] = parts[..]
        && is_partition(partition)
        && (account == "aws" || is_account(account))
        && resource.strip_prefix("policy/").is_some_and(|path| path.split('/').all(is_name))
    {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not the ARN of an IAM policy", quoted(text)),
        "it has this form: \"arn:aws:iam::111122223333:policy/NAME\"",
    ))
}

fn is_partition(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    text.strip_prefix("aws")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && rest[1..].split('-').all(is_word))
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
    of_hosts(network, "use a private range: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
}

/// The network, unless none of its addresses is any host's.
fn of_hosts(network: Ipv4Net, hint: &str) -> Result<Ipv4Net, Fault> {
    let address = network.network();
    let use_of = match address.octets()[0] {
        0 => "this host",
        127 => "loopback",
        169 if address.is_link_local() => "link-local addresses",
        224..=239 => "multicast",
        240.. => "nothing yet",
        _ => return Ok(network),
    };
    Err(Fault::new(format!("{network} is reserved for {use_of}"), hint))
}

pub(super) fn subnet(text: &str) -> Result<Ipv4Net, Fault> {
    let network = network(text)?;
    if (16..=28).contains(&network.prefix_len()) {
        return Ok(network);
    }
    Err(Fault::new(format!("A subnet can't be a /{}", network.prefix_len()), "AWS allows /16 to /28"))
}

pub(super) fn address(text: &str) -> Result<Ipv4Addr, Fault> {
    text.parse().map_err(|_| {
        let hint = "write four numbers from 0 to 255: \"10.16.32.10\"";
        Fault::new(format!("{} is not an IPv4 address", quoted(text)), hint)
    })
}

/// Whether these networks together are as good as the whole internet: whether more addresses of it are in them than a
/// network can have that isn't.
pub(super) fn is_everyone(networks: impl Iterator<Item = Ipv4Net>) -> bool {
    let public: Vec<_> = networks.filter(|network| !is_private(*network)).collect();
    let sizes = Ipv4Net::aggregate(&public).into_iter().map(|network| 1_u64 << (32 - network.prefix_len()));
    sizes.sum::<u64>() > 1 << (32 - WIDEST)
}

fn is_private(network: Ipv4Net) -> bool {
    PRIVATE.iter().any(|private| private.contains(&network))
}

const ONES_OWN: &str = "write the network that you come from, a single address if you can: \"203.0.113.7/32\"";

/// Who may connect by RDP.
pub(super) fn operator_cidr(text: &str) -> Result<Ipv4Net, Fault> {
    part_of_internet(text, "RDP is not opened to")
}

/// Where presigned URLs may be used.
pub(super) fn source_ip(text: &str) -> Result<Ipv4Net, Fault> {
    let network = part_of_internet(text, "A URL would be bound to nothing by")?;
    if is_private(network) {
        let sentence = format!("Nobody comes from {network} over the internet: it is private");
        return Err(Fault::new(sentence, ONES_OWN));
    }
    Ok(network)
}

/// A network of hosts that isn't everyone's; `refused` begins the sentence that refuses one.
fn part_of_internet(text: &str, refused: &str) -> Result<Ipv4Net, Fault> {
    if text.parse::<Ipv4Addr>().is_ok() {
        let sentence = format!("{text} is an address, not a network");
        return Err(Fault::new(sentence, format!("did you mean \"{text}/32\"?")));
    }
    match text.parse::<Ipv4Net>().map(|network| network.prefix_len()) {
        Ok(0) => Err(Fault::new(format!("{refused} the whole internet"), ONES_OWN)),
        Ok(wide @ 1..WIDEST) => {
            Err(Fault::new(format!("{refused} so large a part of the internet as a /{wide}"), ONES_OWN))
        }
        _ => of_hosts(network(text)?, ONES_OWN),
    }
}

pub(super) fn dns_mode(text: &str) -> Result<DnsMode, Fault> {
    word(text, "a mode of DNS", &[("off", DnsMode::Off), ("dhcp", DnsMode::Dhcp), ("server", DnsMode::Server)])
}

pub(super) fn access_mode(text: &str) -> Result<AccessMode, Fault> {
    let known = [
        ("source-vpce", AccessMode::SourceVpce),
        ("source-vpc", AccessMode::SourceVpc),
        ("source-ip", AccessMode::SourceIp),
    ];
    word(text, "a mode of access", &known)
}

/// A service with interface endpoints, by the last part of its name.
pub(super) fn interface_service(text: &str) -> Result<String, Fault> {
    endpoint_service(text, "interface", services::INTERFACE)
}

/// A service with gateway endpoints, by the last part of its name.
pub(super) fn gateway_service(text: &str) -> Result<String, Fault> {
    endpoint_service(text, "gateway", services::GATEWAY)
}

fn endpoint_service(text: &str, kind: &str, known: &[&str]) -> Result<String, Fault> {
    if known.contains(&text) {
        return Ok(text.into());
    }
    let in_full = known.iter().find(|service| text.contains("aws") && text.ends_with(&format!(".{service}")));
    let hint = match in_full {
        Some(service) => format!("write the last part of its name only: \"{service}\""),
        None => suggestion(text, known),
    };
    Err(Fault::new(format!("{} is not a service that {kind} endpoints lead to", quoted(text)), hint))
}

/// An instance type on which the lab's images run: those for x86.
pub(super) fn instance_type(text: &str) -> Result<String, Fault> {
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let Some((family, _)) = text.split_once('.').filter(|(family, size)| is_part(family) && is_part(size)) else {
        let hint = "write its family and its size: \"t3.micro\"";
        return Err(Fault::new(format!("{} is not an instance type", quoted(text)), hint));
    };
    if family.starts_with("mac") {
        let sentence = format!("{text} is a Mac, and the images are of Linux and Windows");
        return Err(Fault::new(sentence, "choose a type of Intel or AMD: \"t3.micro\", \"t3a.medium\""));
    }
    // Families name their processor after their generation: t4g, c7gn, im4gn.
    let generation = family.find(|c: char| c.is_ascii_digit()).unwrap_or(family.len());
    let attributes = family[generation..].split('-').next().unwrap_or_default();
    if family == "a1" || attributes.contains('g') {
        let sentence = format!("{text} has an Arm processor, and the images are for x86");
        return Err(Fault::new(sentence, "choose a type of Intel or AMD: \"t3.micro\", \"t3a.medium\""));
    }
    Ok(text.into())
}

pub(super) fn image(text: &str) -> Result<String, Fault> {
    let digits = text.strip_prefix("ami-").unwrap_or_default();
    if matches!(digits.len(), 8 | 17) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(text.into());
    }
    let hint = "write its id, \"ami-0123456789abcdef0\", or leave it out for the newest";
    Err(Fault::new(format!("{} is not the id of an AMI", quoted(text)), hint))
}

/// The longest domain, in characters: with `hostmaster.` before it, a name still has no more than 253.
const LONGEST_DOMAIN: usize = 253 - "hostmaster.".len();

/// A domain that a DNS server may answer for without hiding what it is there to forward.
pub(super) fn domain(text: &str) -> Result<String, Fault> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let labels: Vec<&str> = text.split('.').collect();
    let is_number = labels.last().is_some_and(|last| is_digits(last));
    if text.len() > LONGEST_DOMAIN || is_number || !labels.iter().all(|label| is_label(label)) {
        let hint = match text.len() > LONGEST_DOMAIN {
            true => "use at most 242 characters: DNS has room for 253, and names stand before it",
            false => "use lower-case letters, digits and hyphens between dots, and no dot at the end: \"corp.example\"",
        };
        return Err(Fault::new(format!("{} is not a domain", quoted(text)), hint));
    }
    if labels.len() < 2 {
        let sentence = format!("The DNS hosts would hide every name under {}", quoted(text));
        return Err(Fault::new(sentence, "put a name of your own before it: \"corp.example\""));
    }
    let within =
        |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if let Some(zone) = services::ZONES.iter().find(|zone| within(text, zone) || within(zone, text)) {
        let sentence = format!("The DNS hosts would hide names of AWS: {} is not apart from {zone}", quoted(text));
        return Err(Fault::new(sentence, "use a domain of your own: \"corp.example\""));
    }
    Ok(text.into())
}

/// A KMS key, by the ARN that volumes show.
pub(super) fn kms_key(text: &str) -> Result<String, Fault> {
    let parts: Vec<&str> = text.split(':').collect();
    if let ["arn", partition, "kms", key_region, account, resource] = parts[..]
        && is_partition(partition)
        && is_region(key_region)
        && is_account(account)
        && let Some(id) = resource.strip_prefix("key/")
        && !id.is_empty()
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not the ARN of a KMS key", quoted(text)),
        "it has this form, and an alias won't do: \"arn:aws:kms:eu-west-1:111122223333:key/ID\"",
    ))
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

/// The name of a user profile:
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateUserProfile.html>.
pub(super) fn user_profile(text: &str) -> Result<String, Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    let allowed = text.chars().all(|c| is_plain(c) || c == '-');
    if (1..=63).contains(&text.len()) && allowed && text.starts_with(is_plain) && text.ends_with(is_plain) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} can't be the name of a user profile", quoted(text)),
        "use 1 to 63 letters, digits and hyphens, a letter or digit at both ends",
    ))
}

/// The name under which somebody signs in, as the portal's authorizer takes it: nothing that a path or a policy reads as
/// more than itself.
pub(super) fn sign_in_name(text: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._@+=-".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= 128 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Fault::new(
        format!("{} can't be the name of somebody who signs in", quoted(text)),
        "use 1 to 128 letters, digits and `._@+=-`, a letter or digit first",
    ))
}

/// The id of a user pool: its Region, and letters and digits.
pub(super) fn user_pool(text: &str) -> Result<String, Fault> {
    let is_own = |own: &str| (1..=30).contains(&own.len()) && own.bytes().all(|b| b.is_ascii_alphanumeric());
    match text.split_once('_') {
        Some((region, own)) if is_region(region) && is_own(own) => Ok(text.into()),
        _ => Err(Fault::new(
            format!("{} is not the id of a user pool", quoted(text)),
            "write it as Cognito does, its Region first: \"eu-west-1_AbCdEf123\"",
        )),
    }
}

/// The id of an app client.
pub(super) fn user_pool_client(text: &str) -> Result<String, Fault> {
    if (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+".contains(&b)) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not the id of an app client", quoted(text)),
        "write the client's id, not its name: \"1example23456789\"",
    ))
}

/// Who signs tokens, by OpenID Connect, as the tokens say it: compared letter by letter.
pub(super) fn issuer(text: &str) -> Result<String, Fault> {
    let wrong = |hint: &str| Err(Fault::new(format!("{} is not the issuer of tokens", quoted(text)), hint));
    let Some(rest) = text.strip_prefix("https://") else {
        return wrong("it begins with https://, and is what the provider's tokens have as `iss`");
    };
    if text.ends_with('/') {
        return wrong("leave out the slash at its end");
    }
    if text.contains(['?', '#', '@']) {
        return wrong("leave out user, query and fragment: only the host and a path belong here");
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_label = |label: &str| {
        let letters = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        !label.is_empty() && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_port = is_digits(port) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if text.len() <= 512 && host.split('.').all(is_label) && is_port && path.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.into());
    }
    wrong("write a URL with the host in lower case: \"https://login.example.com/tenant\"")
}

/// Whom tokens are made for: a client's id at the provider, or the API's URI.
pub(super) fn audience(text: &str) -> Result<String, Fault> {
    plain_word(text, 255, "an audience of tokens", "write what the provider's ID tokens have as `aud`")
}

/// The claim of a token that names its user.
pub(super) fn claim(text: &str) -> Result<String, Fault> {
    plain_word(text, 128, "the name of a claim", "write one that ID tokens have: \"cognito:username\", \"email\"")
}

fn plain_word(text: &str, longest: usize, what: &str, hint: &str) -> Result<String, Fault> {
    if (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.into());
    }
    Err(Fault::new(format!("{} is not {what}", quoted(text)), hint))
}

/// A service principal: `lambda.amazonaws.com`.
pub(super) fn service(text: &str) -> Result<String, Fault> {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let name = text.strip_suffix(".cn").unwrap_or(text).strip_suffix(".amazonaws.com");
    if text.len() <= 255 && name.is_some_and(|name| name.split('.').all(is_label)) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not the principal of a service", quoted(text)),
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
    if text == "*" || is_arn(text) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(text.into());
    }
    Err(Fault::new(
        format!("{} is not a resource of a policy", quoted(text)),
        "write an ARN, \"arn:aws:logs:*:*:log-group:/aws/lambda/*\", or \"*\"",
    ))
}

/// `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, with wildcards in any part.
fn is_arn(text: &str) -> bool {
    let all = |part: &str, allowed: fn(&u8) -> bool| part.as_bytes().iter().all(|b| allowed(b) || b"*?".contains(b));
    let lower = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    let ["arn", partition, service, region, account, resource] = text.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return false;
    };
    (is_partition(partition) || partition.contains(['*', '?']))
        && !service.is_empty()
        && all(service, lower)
        && all(region, lower)
        && (account == "aws" || all(account, u8::is_ascii_digit))
        && !resource.is_empty()
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
        let wrong = [
            "",
            "europe",
            "eu-west",
            "eu-west-",
            "EU-west-1",
            "eu-west-1a",
            "-west-1",
            "eu--1",
            "1",
            "eu-wets-1",
            "eu-west-100",
        ];
        assert_eq!(refused(&wrong, region), wrong);
        let zones = ["us-east-1a", "us-gov-west-1c", "us-west-2-lax-1a", "us-east-1-wl1-bos-wlz-1a"];
        assert_eq!(refused(&zones, zone), [""; 0]);
        let ids = ["use1-az1", "usgw1-az3", "usw2-lax1-az1"];
        assert_eq!(refused(&ids, zone), [""; 0]);
        let wrong = [
            "",
            "us-east-1",
            "a",
            "us-east-1A",
            "us-east-1 a",
            "us-east-1é",
            "-az1",
            "use-az1",
            "1-az1",
            "use1-az",
            "use1--az1",
        ];
        assert_eq!(refused(&wrong, zone), wrong);
    }

    #[test]
    fn a_zone_says_its_region() {
        assert_eq!(region_of("us-east-1a"), "us-east-1");
        assert_eq!(region_of("us-west-2-lax-1a"), "us-west-2");
        assert_eq!(region_of("usw2-lax1-az1"), "usw2");
        assert_eq!(region_of("é"), "é");
    }

    #[test]
    fn a_region_says_how_the_ids_of_its_zones_begin() {
        let known = [
            ("us-east-1", "use1"),
            ("ap-northeast-3", "apne3"),
            ("eu-central-2", "euc2"),
            ("us-gov-west-1", "usgw1"),
            ("cn-northwest-1", "cnnw1"),
        ];
        for (region, ids) in known {
            assert_eq!(zone_ids_of(region).as_deref(), Some(ids));
        }
        assert_eq!(zone_ids_of("us-isob-east-1"), None);
    }

    #[test]
    fn some_networks_are_nobodys_or_everyones() {
        let reserved = ["0.0.0.0/8", "127.0.0.1/32", "169.254.0.0/16", "224.0.0.0/8", "240.0.0.0/8"];
        assert_eq!(refused(&reserved, operator_cidr), reserved);
        assert_eq!(refused(&reserved, source_ip), reserved);
        let private = ["10.0.0.0/8", "172.16.3.0/24", "192.168.1.1/32", "100.64.0.0/10"];
        assert_eq!(refused(&private, operator_cidr), [""; 0]);
        assert_eq!(refused(&private, source_ip), private);
        assert_eq!(refused(&["172.0.0.0/8", "203.0.113.0/24"], source_ip), [""; 0]);
        let everyone = |texts: &[&str]| is_everyone(texts.iter().map(|text| text.parse().unwrap()));
        assert!(everyone(&["0.0.0.0/0"]) && everyone(&["0.0.0.0/1", "128.0.0.0/1"]));
        assert!(everyone(&["8.0.0.0/9", "9.0.0.0/8"]));
        assert!(!everyone(&["9.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "9.1.0.0/16"]));
    }

    #[test]
    fn a_new_lab_has_a_name_for_its_groups() {
        assert_eq!(refused(&["sgx", "a-sg", "s"], new_lab_name), [""; 0]);
        assert_eq!(refused(&["sg", "sg-1"], new_lab_name), ["sg", "sg-1"]);
    }

    #[test]
    fn a_service_is_named_by_its_principal() {
        let right = ["lambda.amazonaws.com", "ec2.amazonaws.com.cn", "ops.apigateway.amazonaws.com"];
        assert_eq!(refused(&right, service), [""; 0]);
        let wrong = ["", "lambda", "lambda.example.com", ".amazonaws.com", "amazonaws.com", "Lambda.amazonaws.com"];
        assert_eq!(refused(&wrong, service), wrong);
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
        let wrong = ["arn:awsome:iam::aws:policy/b", "arn:aws:iam::aws:policy/a b", "arn:aws:iam::aws:policy//b"];
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
        let right = ["arn:aws:iam::aws:policy/a", "arn:aws-cn:s3:::b/${aws:username}", "arn:aws:*:*:1111????3333:*"];
        assert_eq!(refused(&right, resource), [""; 0]);
        let wrong = [
            "",
            "b",
            "arn:aws:s3",
            "arn:aws:s3:::b c",
            "arn:aws:s3:::",
            "arn:aws::::b",
            "arn:azure:s3:::b",
            "arn:aws:logs:EU-west-1::b",
            "arn:aws:logs:eu-west-1:me:b",
        ];
        assert_eq!(refused(&wrong, resource), wrong);
    }

    #[test]
    fn instances_have_processors_for_the_images() {
        let right = [
            "t3.micro",
            "t3a.medium",
            "g4dn.xlarge",
            "g6e.xlarge",
            "m7i-flex.large",
            "u-6tb1.56xlarge",
            "x2iedn.metal",
        ];
        assert_eq!(refused(&right, instance_type), [""; 0]);
        assert_eq!(refused(&["mac1.metal", "mac2-m2pro.metal"], instance_type), ["mac1.metal", "mac2-m2pro.metal"]);
        let arm = ["a1.large", "t4g.micro", "c7gn.large", "im4gn.large", "x2gd.metal", "g5g.xlarge", "m8gb-flex.large"];
        assert_eq!(refused(&arm, instance_type), arm);
        let wrong = ["", "t3", "t3.", ".micro", "T3.micro", "t3.micro.large", "t3 .micro"];
        assert_eq!(refused(&wrong, instance_type), wrong);
    }

    #[test]
    fn images_have_short_and_long_ids() {
        assert_eq!(refused(&["ami-0123abcd", "ami-0123456789abcdef0"], image), [""; 0]);
        let wrong = ["", "ami-", "ami-0123", "ami-0123ABCD", "0123abcd", "ami-0123456789abcdefg"];
        assert_eq!(refused(&wrong, image), wrong);
    }

    #[test]
    fn a_domain_is_ones_own() {
        let longest = format!("{}.{}", ["a".repeat(60).as_str(); 3].join("."), "b".repeat(59));
        assert_eq!(longest.len(), LONGEST_DOMAIN);
        assert!(domain(&format!("{longest}b")).is_err());
        assert_eq!(refused(&["corp.example", "a.b-c.corp.example", "myamazonaws.com", &longest], domain), [""; 0]);
        let wrong =
            ["", "com", "corp..example", ".corp.example", "corp.example.", "Corp.example", "a_b.example", "10.0.0.1"];
        assert_eq!(refused(&wrong, domain), wrong);
        let aws = ["amazonaws.com", "x.amazonaws.com", "studio.eu-west-1.sagemaker.aws", "com.cn", "app.aws"];
        assert_eq!(refused(&aws, domain), aws);
    }

    #[test]
    fn a_key_is_named_by_its_arn() {
        let right =
            ["arn:aws:kms:eu-west-1:111122223333:key/1234-ab", "arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1"];
        assert_eq!(refused(&right, kms_key), [""; 0]);
        let wrong = ["", "1234-ab", "arn:aws:kms:eu-west-1:111122223333:alias/ebs", "arn:aws:kms::111122223333:key/1"];
        assert_eq!(refused(&wrong, kms_key), wrong);
    }
}
