//! From the file to the plan, section by section.

mod access;
mod app_server;
mod dns;
mod domain;
mod network;
mod portal;
mod sign_in;
#[cfg(test)]
mod testing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::mistake::{Fault, Findings, PlanError, quoted};
use super::section::{Said, Section};
use super::{Peering, Plan, Source, key, syntax, value};
use network::overlap;

/// The most tags that a plan may add: AWS allows 50, and the lab has its own.
const MOST_TAGS: usize = 40;

/// Reads a plan and fills in its defaults. Where it names the file of a public key, that is read too.
///
/// # Errors
///
/// Every mistake of the file at once, but for those that only follow from another.
pub fn parse(source: &Source) -> Result<Plan, PlanError> {
    source.check_size()?;
    read(source)
}

/// Checks a plan that comes from elsewhere than a file as if it stood in one.
///
/// # Errors
///
/// Every mistake of it.
pub fn check(plan: &Plan) -> Result<(), PlanError> {
    let name = "the plan";
    match toml::to_string(plan) {
        Ok(text) => read(&Source { name: name.into(), text }).map(drop),
        Err(error) => Err(PlanError::unreadable(name, format!("{name} is none: {error}"), "write it anew")),
    }
}

fn read(source: &Source) -> Result<Plan, PlanError> {
    let (_, mut errors) = DeTable::parse_recoverable(&source.text);
    let text = syntax::without_valueless_keys(&source.text, &errors);
    let (table, more_errors) = DeTable::parse_recoverable(&text);
    errors.extend(more_errors);

    let findings = Findings::default();
    let folder = Path::new(&source.name).parent().unwrap_or(Path::new(""));
    let plan = plan(Section::root(table.into_inner(), &findings), folder);
    let (mut found, hidden) = findings.into_inner();
    if !errors.is_empty() {
        found = syntax::with_errors(&source.text, &errors, found);
    }
    for key in key::private_keys(&source.text) {
        // Whatever else is wrong there can't be told without showing it.
        found.retain(|found| found.span.end <= key.start || key.end <= found.span.start);
        let line = source.text[key.clone()].lines().next().map_or(0, str::len);
        let sentence = "A private key stands here, and a plan is for others to read";
        let hint = "take it out, and give the public key instead: `ssh-keygen -y -f FILE` prints it";
        found.push(Fault::new(sentence, hint).at(key.start..key.start + line));
    }
    if found.is_empty() { Ok(plan) } else { Err(PlanError::mistaken(source, found, &hidden)) }
}

fn plan(mut file: Section, folder: &Path) -> Plan {
    let name = file.text("name", value::new_lab_name);
    if name.is_nothing() {
        file.lacks(&["name"], Fault::new("The lab has no name", "give it one: name = \"lab\""));
    }
    let accounts = file.texts("accounts", value::account);
    let regions = file.texts("regions", value::region);
    let zones = zones(&mut file, &regions);
    let protect = file.boolean("protect");
    let expires = file.text("expires", value::date);
    let permissions_boundary = file.text("permissions_boundary", value::policy_arn);
    let kms_key = kms_key(&mut file, &regions);
    let tags = tags(file.section("tags"));
    let (mut onprem, mut app_room) = network::onprem(file.section("onprem"));
    let mut studio = network::studio(file.section("studio"), onprem.vpc.cidr);
    let mut peering = file.section("peering");
    let enabled = peering.boolean("enabled");
    peering.finish();
    let peered = (!enabled.is_wrong()).then(|| enabled.or(Peering::default().enabled));
    let dns = dns::dns(file.section("dns"), &mut onprem, &mut studio, peered);
    let app_server = app_server::app_server(file.section("app_server"), folder, &onprem.vpc, &mut app_room);
    let (access, access_known) = access::access(file.section("access"), &studio);
    let (domain, users_known) = domain::domain(file.section("domain"), &studio);
    let sign_in = sign_in::sign_in(file.section("sign_in"));
    let portal = file.section("portal");
    let users = portal::Users { domain: &domain, known: users_known, sign_in: &sign_in };
    let portal = portal::portal(portal, &studio, access_known.then_some(&access), &users);

    if peered == Some(true)
        && !onprem.cidr.is_wrong()
        && !studio.cidr.is_wrong()
        && overlap(onprem.vpc.cidr, studio.vpc.cidr)
    {
        // One of them is in the file: the defaults don't overlap.
        if let Some(span) = studio.cidr.span().or(onprem.cidr.span()) {
            let sentence = format!("The two VPCs overlap: {} and {}", onprem.vpc.cidr, studio.vpc.cidr);
            let hint = "AWS can't peer them: move one, or set enabled = false in [peering]";
            file.report(span, Fault::new(sentence, hint));
        }
    }
    file.finish();

    Plan {
        name: name.or(String::new()),
        accounts: plain(accounts).unwrap_or_default(),
        regions: plain(regions).unwrap_or_default(),
        zones,
        protect: protect.or(false),
        expires: expires.into_value(),
        permissions_boundary: permissions_boundary.into_value(),
        kms_key: kms_key.into_value(),
        tags,
        onprem: onprem.vpc,
        studio: studio.vpc,
        peering: Peering { enabled: peered.unwrap_or(Peering::default().enabled) },
        dns,
        app_server,
        access,
        domain,
        sign_in,
        portal,
    }
}

fn plain<T>(said: Said<Vec<Spanned<T>>>) -> Option<Vec<T>> {
    Some(said.into_value()?.into_iter().map(Spanned::into_inner).collect())
}

/// Whether the file's list of Regions, if it has one, leaves this one out.
fn is_excluded(region: &str, regions: &Said<Vec<Spanned<String>>>) -> bool {
    regions.value().is_some_and(|regions| regions.iter().all(|allowed| allowed.get_ref() != region))
}

/// Whether the file's list of Regions, if it has one, leaves out the one whose zones have ids that begin like this.
fn are_excluded(ids: &str, regions: &Said<Vec<Spanned<String>>>) -> bool {
    let of = |region: &Spanned<String>| value::zone_ids_of(region.get_ref());
    regions.value().is_some_and(|regions| regions.iter().all(|region| of(region).is_some_and(|known| known != ids)))
}

fn zones(file: &mut Section, regions: &Said<Vec<Spanned<String>>>) -> Option<[String; 2]> {
    let Said::Value(zones) = file.texts("zones", value::zone) else { return None };
    let span = zones.span();
    let [a, b] = match <[_; 2]>::try_from(zones.into_inner()) {
        Ok(both) => both.map(Spanned::into_inner),
        Err(zones) => {
            let sentence = format!("`zones` must list two zones, not {}", zones.len());
            file.report(span, Fault::new(sentence, "the first is for the subnets `a`, the second for `b`"));
            return None;
        }
    };
    let region = value::region_of(&a);
    let by_id = value::is_zone_id(&a);
    if by_id != value::is_zone_id(&b) {
        let sentence = format!("Of {a} and {b}, one is the name of a zone, the other an id");
        file.report(span, Fault::new(sentence, "write both in one way: by name and by id they may be the same zone"));
    } else if region != value::region_of(&b) {
        let sentence = format!("The zones {a} and {b} are not of one Region");
        file.report(span, Fault::new(sentence, "a VPC has all its subnets in one Region"));
    } else if if by_id { are_excluded(region, regions) } else { is_excluded(region, regions) } {
        let sentence = format!("The zones are of {region}, which is not one of `regions`");
        file.report(span, Fault::new(sentence, "choose other zones, or add the Region"));
    }
    Some([a, b])
}

fn kms_key(file: &mut Section, regions: &Said<Vec<Spanned<String>>>) -> Said<String> {
    let key = file.text("kms_key", value::kms_key);
    if let Some(span) = key.span()
        && let Some(region) = key.value().and_then(|arn| arn.split(':').nth(3))
        && is_excluded(region, regions)
    {
        let sentence = format!("The key is of {region}, which is not one of `regions`");
        file.report(span, Fault::new(sentence, "volumes need a key of their own Region"));
    }
    key
}

fn tags(mut file: Section) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut folded = BTreeSet::new();
    for (key, value) in file.rest() {
        let (name, span) = (key.get_ref(), key.span());
        if let Err(fault) = value::tag_key(name) {
            file.report(span, fault);
        } else if !folded.insert(name.to_lowercase()) {
            let sentence = format!("The tag {} is given twice: IAM takes no notice of case", quoted(name));
            file.report(span, Fault::new(sentence, "keep one of the two"));
        }
        if let Some(value) = file.meaning(value, value::tag_value).into_value() {
            tags.insert(key.into_inner(), value);
        }
    }
    if folded.len() > MOST_TAGS {
        let sentence = format!("There are {} tags", folded.len());
        file.report(
            file.span(),
            Fault::new(sentence, format!("keep {MOST_TAGS}: AWS allows 50, and the lab has its own")),
        );
    }
    tags
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::testing::{lab, mistakes, picture, plan, render, source};
    use super::*;
    use crate::plan::{AccessMode, DnsMode, Onprem, Studio};

    #[test]
    fn a_name_is_all_that_a_plan_needs() {
        let plan = plan("name = \"x\"");
        assert_eq!(plan.name, "x");
        assert_eq!(plan.onprem, Onprem::default());
        assert_eq!(plan.studio, Studio::default());
        assert_eq!(plan.zones, None);
        assert!(plan.peering.enabled && plan.access.role && !plan.protect);
    }

    #[test]
    fn the_shipped_plan_says_what_the_defaults_are() {
        let shipped = parse(&Source::built_in("@skeleton").unwrap()).unwrap();
        assert_eq!(shipped, plan("name = \"skeleton\""));
    }

    #[test]
    fn every_shipped_plan_is_right() {
        for (name, text) in crate::plan::BUILT_IN {
            let plan = plan(text);
            assert_eq!(plan.name, *name);
            assert!(plan.app_server.public_key.is_none() && plan.app_server.operator_cidr.is_none());
        }
    }

    #[test]
    fn what_stands_commented_out_in_a_shipped_plan_may_be_said() {
        for (name, text) in crate::plan::BUILT_IN {
            // Prose has no equals sign after its first word; a key file is somebody's own.
            let is_key = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            let said = text.lines().map(|line| match line.strip_prefix("# ") {
                Some(rest) if is_key(rest) && !rest.starts_with("public_key_file") => rest,
                _ => line,
            });
            let said = said.collect::<Vec<_>>().join("\n");
            assert_eq!(plan(&said).name, *name);
        }
    }

    #[test]
    fn every_field_can_be_said() {
        let plan = plan(
            r#"
            name = "lab"
            accounts = ["111122223333"]
            regions = ["us-gov-west-1"]
            zones = ["us-gov-west-1b", "us-gov-west-1a"]
            protect = true
            expires = "2026-12-31"
            permissions_boundary = "arn:aws-us-gov:iam::111122223333:policy/team/boundary"
            kms_key = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/0f"
            tags = { team = "platform", "cost centre" = "" }
            domain.enabled = true
            portal = { enabled = true, log_retention_days = 3653, url_expires_seconds = 5, session_expires_seconds = 1800, profiles = { "ann@corp.example" = "studio-user" } }
            sign_in = { enabled = true, pool = "us-gov-west-1_A", client = "c", user_claim = "email" }
            peering.enabled = true
            [onprem]
            cidr = "10.0.0.0/16"
            dns_hostnames = false
            private = { b = "10.0.64.0/20" }
            rules = []
            internet_gateway = true
            nat = true
            endpoints = [{ service = "ssm", private_dns = false }]
            gateway_endpoints = [{ service = "s3" }]
            [studio]
            cidr = "10.16.0.0/16"
            app_rules = []
            gateway_endpoints = [{ service = "dynamodb" }]
            [[studio.endpoints]]
            service = "sagemaker.api"
            [[studio.endpoints]]
            service = "execute-api"
            [[studio.endpoints]]
            service = "studio"
            addresses = { a = "10.16.32.40", b = "10.16.96.40" }
            policy = """
            {"Version": "2012-10-17", "Statement":
              {"Effect": "Allow", "Principal": "*", "NotAction": "sts:*", "Resource": "*"}}"""
            [[studio.rules]]
            direction = "egress"
            protocol = "all"
            group = "self"
            description = "Everything within"
            [[studio.rules]]
            protocol = "udp"
            ports = "0-65535"
            cidr = "0.0.0.0/0"
            [dns]
            mode = "server"
            forward = ["studio"]
            resolver.a = "10.16.32.11"
            servers.b = "10.0.64.9"
            resolver_rules = []
            instance_type = "t3a.nano"
            image = "ami-0123abcd"
            volume_gib = 9
            domain = "corp.internal"
            [app_server]
            enabled = true
            instance_type = "m7i.large"
            image = "ami-0123456789abcdef0"
            address = "10.0.128.9"
            volume_gib = 50
            operator_cidr = "203.0.113.0/24"
            session_manager = false
            [access]
            role = true
            mode = "source-vpce"
            service = "lambda.amazonaws.com.cn"
            actions = ["s3:Get*"]
            resources = ["arn:aws:s3:::bucket/*"]
            max_session_seconds = 43_200
            description = "Écoute"
            "#,
        );
        assert_eq!(plan.zones, Some(["us-gov-west-1b".into(), "us-gov-west-1a".into()]));
        assert_eq!(plan.expires.unwrap().to_string(), "2026-12-31");
        assert_eq!(plan.tags["team"], "platform");
        assert_eq!(plan.onprem.private.a.to_string(), "10.0.0.0/18");
        assert_eq!(plan.onprem.private.b.to_string(), "10.0.64.0/20");
        assert_eq!(plan.access.max_session_seconds, 43200);
        assert_eq!(plan.access.mode, Some(AccessMode::SourceVpce));
        let endpoint = &plan.studio.endpoints[2];
        assert!(endpoint.private_dns && endpoint.addresses.is_some() && endpoint.policy.is_some());
        assert!(!plan.onprem.endpoints[0].private_dns && plan.onprem.nat);
        assert_eq!(plan.dns.mode, DnsMode::Server);
        assert_eq!(plan.dns.forward, ["studio"]);
        assert_eq!(
            [plan.dns.resolver.a, plan.dns.resolver.b].map(|address| address.to_string()),
            ["10.16.32.11", "10.16.96.10"]
        );
        assert_eq!(
            [plan.dns.servers.a, plan.dns.servers.b].map(|address| address.to_string()),
            ["10.0.0.10", "10.0.64.9"]
        );
        assert!(plan.app_server.enabled && !plan.app_server.session_manager);
        let portal = &plan.portal;
        assert!(portal.enabled);
        let said = (portal.log_retention_days, portal.url_expires_seconds, portal.session_expires_seconds);
        assert_eq!(said, (3653, 5, 1800));
        assert_eq!(plan.profiles()["ann@corp.example"], "studio-user");
        assert_eq!(plan.sign_in.user_claim.as_deref(), Some("email"));
    }

    #[test]
    fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
        assert_snapshot!(picture(r#"nam = "lab"
accounts = [111122223333]

[onprem]
cidr = "192.168.10.1/24"
dns_support = "yes"

[[studio.rules]]
protocol = "tpc"
cdir = "10.0.0.0/8"
"#), @r#"
          × lab.toml has 6 mistakes

        Error: 
          × `nam` is not a key of a plan
           ╭─[lab.toml:1:1]
         1 │ nam = "lab"
           · ───
         2 │ accounts = [111122223333]
           ╰────
          help: did you mean `name`?

        Error: 
          × A text belongs here, not a number
           ╭─[lab.toml:2:13]
         1 │ nam = "lab"
         2 │ accounts = [111122223333]
           ·             ────────────
         3 │ 
           ╰────
          help: put it in quotes: "111122223333"

        Error: 
          × 192.168.10.1 is not the first address of a /24
           ╭─[lab.toml:5:8]
         4 │ [onprem]
         5 │ cidr = "192.168.10.1/24"
           ·        ─────────────────
         6 │ dns_support = "yes"
           ╰────
          help: did you mean "192.168.10.0/24"?

        Error: 
          × `dns_support` must be true or false, not a text
           ╭─[lab.toml:6:15]
         5 │ cidr = "192.168.10.1/24"
         6 │ dns_support = "yes"
           ·               ─────
         7 │ 
           ╰────
          help: write true or false, without quotes

        Error: 
          × `tpc` is not a protocol
            ╭─[lab.toml:9:12]
          8 │ [[studio.rules]]
          9 │ protocol = "tpc"
            ·            ─────
         10 │ cdir = "10.0.0.0/8"
            ╰────
          help: did you mean `tcp`?

        Error: 
          × `cdir` is not a key of [studio.rules]
            ╭─[lab.toml:10:1]
          9 │ protocol = "tpc"
         10 │ cdir = "10.0.0.0/8"
            · ────
            ╰────
          help: did you mean `cidr`?
        "#);
    }

    #[test]
    fn what_is_missing_is_shown_where_it_belongs() {
        assert_snapshot!(picture("[[onprem.rules]]\nports = \"53\"\n"), @r#"
          × lab.toml has 3 mistakes

        Error: 
          × The lab has no name
           ╭─[lab.toml:1:1]
         1 │ [[onprem.rules]]
           · ▲
         2 │ ports = "53"
           ╰────
          help: give it one: name = "lab"

        Error: 
          × This rule has no `protocol`
           ╭─[lab.toml:1:1]
         1 │ [[onprem.rules]]
           · ────────────────
         2 │ ports = "53"
           ╰────
          help: write protocol = "tcp", "udp", "icmp" or "all"

        Error: 
          × This rule has neither `cidr` nor `group`
           ╭─[lab.toml:1:1]
         1 │ [[onprem.rules]]
           · ────────────────
         2 │ ports = "53"
           ╰────
          help: say who is at the other end: cidr = "10.16.0.0/16" or group = "self"
        "#);
    }

    #[test]
    fn syntax_errors_come_with_the_other_mistakes_but_not_with_their_own_consequences() {
        assert_snapshot!(picture(r#"name = lab
expires = "tomorrow"
protect
[[onprem.rules]]
protocol
cidr = "10.0.0.0/8"
protect = true
protect = true
"#), @r#"
          × lab.toml has 6 mistakes

        Error: 
          × This is not TOML: string values must be quoted, expected literal string
           ╭─[lab.toml:1:8]
         1 │ name = lab
           ·        ───
         2 │ expires = "tomorrow"
           ╰────
          help: write texts in quotes: "like this"

        Error: 
          × `tomorrow` is not a date
           ╭─[lab.toml:2:11]
         1 │ name = lab
         2 │ expires = "tomorrow"
           ·           ──────────
         3 │ protect
           ╰────
          help: write year, month and day: "2026-12-31"

        Error: 
          × This is not TOML: key with no value, expected `=`
           ╭─[lab.toml:3:8]
         2 │ expires = "tomorrow"
         3 │ protect
           ·        ▲
         4 │ [[onprem.rules]]
           ╰────
          help: write a key, an equals sign and a value: name = "lab"

        Error: 
          × This is not TOML: key with no value, expected `=`
           ╭─[lab.toml:5:9]
         4 │ [[onprem.rules]]
         5 │ protocol
           ·         ▲
         6 │ cidr = "10.0.0.0/8"
           ╰────
          help: write a key, an equals sign and a value: name = "lab"

        Error: 
          × `protect` is not a key of [onprem.rules]
           ╭─[lab.toml:7:1]
         6 │ cidr = "10.0.0.0/8"
         7 │ protect = true
           · ───────
         8 │ protect = true
           ╰────
          help: known here: `direction`, `protocol`, `ports`, `cidr`, `group`, `description`

        Error: 
          × This is not TOML: duplicate key
           ╭─[lab.toml:8:1]
         7 │ protect = true
         8 │ protect = true
           · ───────
           ╰────
          help: keep one of the two
        "#);
    }

    #[test]
    fn an_unclosed_list_is_explained() {
        assert_snapshot!(mistakes("regions = [\"eu-west-1\"\nprotect = true"), @r"
        3:1 This is not TOML: missing comma between array elements, expected `,`
            is a comma or a closing bracket missing?
        ");
    }

    #[test]
    fn what_stands_below_a_broken_header_is_not_judged() {
        assert_snapshot!(mistakes("[onprem\ncidr = \"10.0.0.0/16\"\n[studio]\ncidr = 1"), @r#"
        2:8 This is not TOML: unclosed table, expected `]`
            a plan is written in TOML: https://toml.io
        5:8 A text belongs here, not a number
            put it in quotes: "1"
        "#);
    }

    #[test]
    fn a_long_value_is_shown_by_its_first_lines() {
        let policy = format!("[[studio.endpoints]]\nservice = \"sts\"\npolicy = \"\"\"\n{}\"\"\"", "{ }\n".repeat(60));
        assert!(picture(&format!("name = \"lab\"\n{policy}")).lines().count() < 20);
    }

    #[test]
    fn columns_count_characters() {
        assert_snapshot!(mistakes("tags = { \"é\" = \"ü\", \"日本\" = \"!\" }"), @r"
        2:28 The value of a tag can't be `!`
            use at most 256 letters, digits, spaces and _.:/=+-@
        ");
    }

    #[test]
    fn what_cannot_be_a_value_is_explained() {
        assert_snapshot!(mistakes(r#"
accounts = ["1111", "1111"]
regions = []
zones = ["us-east-1", "us-east-1a"]
expires = 2026-12-31
permissions_boundary = "boundary"
protect = "true"
peering = true
onprem.rules = "none"
[access]
service = "lambda"
actions = ["*", "logs:PutLogEvents", "logs:PutLogEvents"]
resources = ["bucket"]
max_session_seconds = 60
description = "日本"
"#), @r#"
        3:13 `1111` is not an AWS account
            an account is twelve digits: "111122223333"
        3:21 `1111` is not an AWS account
            an account is twelve digits: "111122223333"
        4:11 `regions` is empty
            list something, or leave the key out for the default
        5:10 `us-east-1` is not an Availability Zone
            write the zone's name, "us-east-1a", or its id, "use1-az1"
        6:11 A text belongs here, not a date
            put it in quotes: "2026-12-31"
        7:24 `boundary` is not the ARN of an IAM policy
            it has this form: "arn:aws:iam::111122223333:policy/NAME"
        8:11 `protect` must be true or false, not a text
            write true or false, without quotes
        9:11 `peering` must be a section, not true or false
            begin it with [peering]
        10:16 `onprem.rules` must be a list of sections
            begin each of its sections with [[onprem.rules]]
        12:11 `lambda` is not the principal of a service
            name the service as IAM does: "lambda.amazonaws.com"
        13:12 `*` is not an action
            write a service and one of its actions: "logs:PutLogEvents" or "logs:*"
        13:38 `actions` lists this twice
            leave one of them out
        14:14 `bucket` is not a resource of a policy
            write an ARN, "arn:aws:logs:*:*:log-group:/aws/lambda/*", or "*"
        15:23 `max_session_seconds` can't be `60`
            write a number from 3600 to 43200
        16:15 A role can't be described as `日本`
            use at most 1000 characters, of those of Western European languages
        "#);
    }

    #[test]
    fn peered_vpcs_do_not_overlap() {
        assert_snapshot!(mistakes("onprem.cidr = \"10.16.128.0/20\""), @r"
        2:15 The two VPCs overlap: 10.16.128.0/20 and 10.16.0.0/16
            AWS can't peer them: move one, or set enabled = false in [peering]
        ");
        plan("name = \"lab\"\nonprem.cidr = \"10.16.128.0/20\"\npeering.enabled = false");
    }

    #[test]
    fn zones_are_two_of_one_allowed_region() {
        assert_snapshot!(mistakes("zones = [\"eu-west-1a\"]"), @r"
        2:9 `zones` must list two zones, not 1
            the first is for the subnets `a`, the second for `b`
        ");
        assert_snapshot!(mistakes("zones = [\"eu-west-1a\", \"eu-west-1a\"]"), @r"
        2:24 `zones` lists this twice
            leave one of them out
        ");
        assert_snapshot!(mistakes("zones = [\"eu-west-1a\", \"eu-west-2a\"]"), @r"
        2:9 The zones eu-west-1a and eu-west-2a are not of one Region
            a VPC has all its subnets in one Region
        ");
        assert_snapshot!(mistakes("zones = [\"use1-az1\", \"us-east-1b\"]"), @r"
        2:9 Of use1-az1 and us-east-1b, one is the name of a zone, the other an id
            write both in one way: by name and by id they may be the same zone
        ");
        assert_snapshot!(mistakes("zones = [\"use1-az1\", \"usw2-az1\"]"), @r"
        2:9 The zones use1-az1 and usw2-az1 are not of one Region
            a VPC has all its subnets in one Region
        ");
        let plan = lab("regions = [\"us-east-1\"]\nzones = [\"use1-az4\", \"use1-az6\"]");
        assert_eq!(plan.zones.unwrap(), ["use1-az4", "use1-az6"]);
        assert_snapshot!(mistakes("regions = [\"us-east-1\"]\nzones = [\"eu-west-1a\", \"eu-west-1b\"]"), @r"
        3:9 The zones are of eu-west-1, which is not one of `regions`
            choose other zones, or add the Region
        ");
        assert_snapshot!(mistakes("regions = [\"us-east-1\"]\nzones = [\"euw1-az1\", \"euw1-az2\"]"), @"
        3:9 The zones are of euw1, which is not one of `regions`
            choose other zones, or add the Region
        ");
        lab("regions = [\"us-iso-east-1\"]\nzones = [\"usie1-az1\", \"usie1-az2\"]");
    }

    #[test]
    fn a_volume_needs_a_key_of_its_region() {
        let key = |region: &str| format!("kms_key = \"arn:aws:kms:{region}:111122223333:key/mrk-1234\"");
        assert_snapshot!(mistakes(&format!("regions = [\"us-east-1\"]\n{}", key("eu-west-1"))), @r"
        3:11 The key is of eu-west-1, which is not one of `regions`
            volumes need a key of their own Region
        ");
        assert_snapshot!(mistakes("kms_key = \"alias/ebs\""), @r#"
        2:11 `alias/ebs` is not the ARN of a KMS key
            it has this form, and an alias won't do: "arn:aws:kms:eu-west-1:111122223333:key/ID"
        "#);
        assert!(lab(&key("eu-west-1")).kms_key.is_some());
    }

    #[test]
    fn private_keys_are_found_wherever_they_stand_and_never_shown() {
        let secret = "c2VjcmV0";
        let header = "-----BEGIN RSA PRIVATE KEY-----";
        let footer = "-----END RSA PRIVATE KEY-----";
        let texts = [
            format!("public_key = \"\"\"{header}\n{secret}\n{footer}\n\"\"\""),
            format!("public_key = \"{header}\\n{secret}\\n{footer}\""),
            format!("public_key = {header}\n{secret}==\n{secret}\n{footer}"),
            format!("enabled = \"yes\"\n# {header}\n# {secret}"),
            format!("{header}\n{secret}\n{secret} = 1"),
            format!("public_key = \"\"\"PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 14\n{secret}\n\"\"\""),
            format!("public_key = b3BlbnNzaC1rZXktdjEAAAAA{secret}\n{secret}\n{secret}="),
            format!("enabled = 1\npublick_key = \"\"\"\nMIIEowIBAAKCAQEA\n{secret}\n\"\"\""),
            format!("public_key_file = \"MIIEvQIBADANBgkq{secret}\""),
            format!("x = \"\"\"\n---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{secret}\n\"\"\""),
        ];
        for text in texts {
            let error = parse(&source(&format!("name = \"lab\"\n[app_server]\n{text}"))).expect_err(&text);
            assert!(!render(&error).contains(secret), "{}", render(&error));
            assert!(!serde_json::to_string(&error).unwrap().contains(secret));
            assert!(error.mistakes.iter().any(|mistake| mistake.sentence.contains("private key")), "{text}");
        }
        assert_snapshot!(picture(&format!("name = \"lab\"\n# {header}\n# {secret}\n# {footer}\n")), @r#"
          × lab.toml has a mistake

        Error: 
          × A private key stands here, and a plan is for others to read
           ╭─[lab.toml:2:3]
         1 │ name = "lab"
         2 │ # *******************************
           ·   ───────────────────────────────
         3 │ **********
           ╰────
          help: take it out, and give the public key instead: `ssh-keygen -y -f FILE` prints it
        "#);
    }

    #[test]
    fn tags_keep_to_what_every_service_takes() {
        let many: String = (0..41).map(|n| format!("\nkey{n} = \"\"")).collect();
        assert_snapshot!(mistakes(&format!("[tags]{many}")), @r"
        2:1 There are 41 tags
            keep 40: AWS allows 50, and the lab has its own
        ");
        assert_snapshot!(mistakes(r#"
[tags]
"AWS:x" = ""
"breezeway:lab" = ""
Name = "lab"
"" = ""
a = "{}"
team = 1
Team = ""
"#), @r#"
        4:1 Keys of tags that begin with `aws:` are taken
            use another key
        5:1 Keys of tags that begin with `breezeway:` are taken
            use another key
        6:1 The tag `Name` is given to each resource by the lab
            use another key
        7:1 The key of a tag can't be ``
            use 1 to 128 letters, digits, spaces and _.:/=+-@
        8:5 The value of a tag can't be `{}`
            use at most 256 letters, digits, spaces and _.:/=+-@
        9:8 A text belongs here, not a number
            put it in quotes: "1"
        10:1 The tag `Team` is given twice: IAM takes no notice of case
            keep one of the two
        "#);
    }

    #[test]
    fn absurd_files_are_refused_quickly() {
        let nested = |open: &str| open.repeat(1000);
        for text in [
            String::new(),
            format!("name = {}", nested("[")),
            format!("name = {}", nested("{a=")),
            format!("{}a = 1", nested("a.")),
            format!("[{}a]", nested("a.")),
            nested("[\n"),
            "a\n".repeat(300_000),
            (0..90_000).map(|n| format!("k{n} = 1\n")).collect(),
            format!("actions = [{}]", "1,\n".repeat(200_000)),
            "x".repeat(1_000_000),
            "x\n".repeat(1_000_000),
        ] {
            let error = parse(&source(&text)).unwrap_err();
            assert!(error.mistakes.len() <= 100);
            assert!(render(&error).len() < 200_000);
        }
    }

    #[test]
    fn nothing_in_a_file_reaches_the_terminal_as_a_command() {
        let picture = picture("name = \"\\u001b[2J\" # \u{1b}[2J\r\n\u{9b}2J = \r1");
        assert!(picture.chars().all(|c| !c.is_control() || c == '\n'), "{picture}");
    }

    /// Plans and what is nearly one: a shipped plan with a piece replaced.
    fn damaged_plan() -> impl Strategy<Value = String> {
        let pieces =
            ["", "\"", "[", "]", "[[", "{", "=", "\n", ".", ",", "0", "/", "-", "é", "\u{feff}", "name", "true"];
        let plans = prop::sample::select(crate::plan::BUILT_IN);
        (plans, any::<prop::sample::Index>(), 0..40_usize, prop::sample::select(pieces.to_vec())).prop_map(
            |((_, text), at, length, piece)| {
                let at = text.floor_char_boundary(at.index(text.len()));
                let end = text.ceil_char_boundary((at + length).min(text.len()));
                format!("{}{piece}{}", &text[..at], &text[end..])
            },
        )
    }

    proptest! {
        #[test]
        fn any_text_is_a_plan_or_has_mistakes_that_can_be_shown(text in prop_oneof![any::<String>(), damaged_plan()]) {
            if let Err(error) = parse(&source(&text)) {
                prop_assert!(!error.mistakes.is_empty());
                for mistake in &error.mistakes {
                    let line = text.split('\n').nth(mistake.line - 1).unwrap();
                    prop_assert!(mistake.column <= line.chars().count() + 1);
                    prop_assert!(text.get(mistake.span.clone()).is_some());
                }
                render(&error);
            }
        }
    }
}
