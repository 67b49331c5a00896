//! From the file to the plan, section by section.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use toml::Spanned;
use toml::de::DeTable;

use super::mistake::{Fault, Findings, PlanError, quoted};
use super::section::{Said, Section};
use super::{
    Access, Direction, Onprem, Peering, Plan, Ports, Protocol, Remote, Rule, STUDIO_CIDR, Source, Studio, Subnets,
    syntax, value,
};

/// The most tags that a plan may add: AWS allows 50, and the lab has its own.
const MOST_TAGS: usize = 40;

/// Reads a plan and fills in its defaults.
///
/// # Errors
///
/// Every mistake of the file at once, but for those that only follow from another.
pub fn parse(source: &Source) -> Result<Plan, PlanError> {
    source.check_size()?;
    let (_, mut errors) = DeTable::parse_recoverable(&source.text);
    let text = syntax::without_valueless_keys(&source.text, &errors);
    let (table, more_errors) = DeTable::parse_recoverable(&text);
    errors.extend(more_errors);

    let findings = Findings::default();
    let plan = plan(Section::root(table.into_inner(), &findings));
    let mut found = findings.into_inner();
    if !errors.is_empty() {
        found = syntax::with_errors(&source.text, &errors, found);
    }
    if found.is_empty() { Ok(plan) } else { Err(PlanError::mistaken(source, found)) }
}

fn plan(mut file: Section) -> Plan {
    let name = file.text("name", value::lab_name);
    if name.is_nothing() {
        file.lacks(&["name"], Fault::new("The lab has no name", "give it one: name = \"lab\""));
    }
    let accounts = file.texts("accounts", value::account);
    let regions = file.texts("regions", value::region);
    let zones = zones(&mut file, &regions);
    let protect = file.boolean("protect");
    let expires = file.text("expires", value::date);
    let permissions_boundary = file.text("permissions_boundary", value::policy_arn);
    let tags = tags(file.section("tags"));
    let (onprem, onprem_cidr) = onprem(file.section("onprem"));
    let (studio, studio_cidr) = studio(file.section("studio"), onprem.cidr);
    let mut peering = file.section("peering");
    let enabled = peering.boolean("enabled");
    peering.finish();
    let access = access(file.section("access"));

    let all_known = !enabled.is_wrong() && !onprem_cidr.is_wrong() && !studio_cidr.is_wrong();
    let peering = Peering { enabled: enabled.or(Peering::default().enabled) };
    if all_known && peering.enabled && overlap(onprem.cidr, studio.cidr) {
        // One of them is in the file: the defaults don't overlap.
        if let Some(span) = studio_cidr.span().or(onprem_cidr.span()) {
            let sentence = format!("The two VPCs overlap: {} and {}", onprem.cidr, studio.cidr);
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
        tags,
        onprem,
        studio,
        peering,
        access,
    }
}

fn plain<T>(said: Said<Vec<Spanned<T>>>) -> Option<Vec<T>> {
    Some(said.into_value()?.into_iter().map(Spanned::into_inner).collect())
}

fn zones(file: &mut Section, regions: &Said<Vec<Spanned<String>>>) -> Option<[String; 2]> {
    let Said::Value(zones) = file.texts("zones", value::zone) else { return None };
    let span = zones.span();
    let [a, b] = match <[_; 2]>::try_from(zones.into_inner()) {
        Ok(both) => both,
        Err(zones) => {
            let sentence = format!("`zones` must list two zones, not {}", zones.len());
            file.report(span, Fault::new(sentence, "the first is for the subnets `a`, the second for `b`"));
            return None;
        }
    };
    let region = value::region_of(a.get_ref());
    if region != value::region_of(b.get_ref()) {
        let sentence = format!("The zones {} and {} are not of one Region", a.get_ref(), b.get_ref());
        file.report(span, Fault::new(sentence, "a VPC has all its subnets in one Region"));
    } else if regions.value().is_some_and(|regions| regions.iter().all(|allowed| allowed.get_ref() != region)) {
        let sentence = format!("The zones are of {region}, which is not one of `regions`");
        file.report(span, Fault::new(sentence, "choose other zones, or add the Region"));
    }
    Some([a.into_inner(), b.into_inner()])
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

/// The section, and what the file says of its `cidr`.
fn onprem(mut file: Section) -> (Onprem, Said<Ipv4Net>) {
    let cidr = file.text("cidr", |text| value::vpc(text, 26));
    let default = cidr.value().map_or_else(Onprem::default, |cidr| Onprem::within(*cidr));
    let (dns_support, dns_hostnames) = dns(&mut file);
    let private = subnets(file.section("private"));
    let public = subnets(file.section("public"));
    check_subnets(
        &file,
        (!cidr.is_wrong()).then_some(default.cidr),
        &[
            ("private.a", &private.0, default.private.a),
            ("private.b", &private.1, default.private.b),
            ("public.a", &public.0, default.public.a),
            ("public.b", &public.1, default.public.b),
        ],
    );
    let rules = rules(&mut file).unwrap_or(default.rules);
    file.finish();
    let private = Subnets { a: private.0.or(default.private.a), b: private.1.or(default.private.b) };
    let public = Subnets { a: public.0.or(default.public.a), b: public.1.or(default.public.b) };
    (Onprem { cidr: default.cidr, dns_support, dns_hostnames, private, public, rules }, cidr)
}

/// The section, and what the file says of its `cidr`.
fn studio(mut file: Section, onprem: Ipv4Net) -> (Studio, Said<Ipv4Net>) {
    let cidr = file.text("cidr", |text| value::vpc(text, 27));
    let default = Studio::within(cidr.value().copied().unwrap_or(STUDIO_CIDR), onprem);
    let (dns_support, dns_hostnames) = dns(&mut file);
    let private = subnets(file.section("private"));
    check_subnets(
        &file,
        (!cidr.is_wrong()).then_some(default.cidr),
        &[("private.a", &private.0, default.private.a), ("private.b", &private.1, default.private.b)],
    );
    let rules = rules(&mut file).unwrap_or(default.rules);
    file.finish();
    let private = Subnets { a: private.0.or(default.private.a), b: private.1.or(default.private.b) };
    (Studio { cidr: default.cidr, dns_support, dns_hostnames, private, rules }, cidr)
}

fn access(mut file: Section) -> Access {
    let default = Access::default();
    let access = Access {
        role: file.boolean("role").or(default.role),
        service: file.text("service", value::service).or(default.service),
        actions: plain(file.texts("actions", value::action)).unwrap_or(default.actions),
        resources: plain(file.texts("resources", value::resource)).unwrap_or(default.resources),
        max_session_seconds: file.integer("max_session_seconds", 3600, 43200).or(default.max_session_seconds),
        description: file.text("description", value::role_description).or(default.description),
    };
    file.finish();
    access
}

/// A VPC's two DNS attributes, support and host names: AWS has no host names without support.
fn dns(file: &mut Section) -> (bool, bool) {
    let support = file.boolean("dns_support");
    let hostnames = file.boolean("dns_hostnames");
    if support.value() == Some(&false)
        && !hostnames.is_wrong()
        && hostnames.value() != Some(&false)
        && let Some(span) = support.span()
    {
        let fault = Fault::new("AWS has no DNS host names without DNS support", "set dns_hostnames = false as well");
        file.report(span, fault);
    }
    (support.or(true), hostnames.or(true))
}

fn subnets(mut file: Section) -> (Said<Ipv4Net>, Said<Ipv4Net>) {
    let (a, b) = (file.text("a", value::subnet), file.text("b", value::subnet));
    file.finish();
    (a, b)
}

/// Reports the subnets that are not within their VPC, or overlap. Each comes with its name and its default, which
/// doesn't count where the VPC isn't known.
fn check_subnets(file: &Section, vpc: Option<Ipv4Net>, subnets: &[(&str, &Said<Ipv4Net>, Ipv4Net)]) {
    let known = |said: &Said<Ipv4Net>, default| match said {
        Said::Value(subnet) => Some(*subnet.get_ref()),
        Said::Nothing => vpc.and(Some(default)),
        Said::Wrong => None,
    };
    for (index, (_, said, _)) in subnets.iter().enumerate() {
        let Said::Value(subnet) = said else { continue };
        let (span, subnet) = (subnet.span(), *subnet.get_ref());
        if let Some(vpc) = vpc
            && !vpc.contains(&subnet)
        {
            let sentence = format!("{subnet} is not within the VPC's {vpc}");
            file.report(span, Fault::new(sentence, "choose a part of the VPC, or change the VPC's `cidr`"));
            continue;
        }
        // Of two that the file gives, the latter is reported.
        let others = subnets.iter().enumerate().filter(|(at, (_, other, _))| match other {
            Said::Value(_) => *at < index,
            _ => *at != index,
        });
        for (_, (name, other, default)) in others {
            if let Some(range) = known(other, *default)
                && overlap(subnet, range)
            {
                let default = if other.value().is_none() { " by default" } else { "" };
                let sentence = format!("{subnet} overlaps the subnet `{name}`, which is {range}{default}");
                file.report(span.clone(), Fault::new(sentence, format!("move this one, or `{name}`")));
            }
        }
    }
}

fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

fn rules(file: &mut Section) -> Option<Vec<Rule>> {
    let sections = file.sections("rules").into_value()?;
    let mut rules = Vec::new();
    let mut seen = BTreeSet::new();
    for section in sections {
        let span = section.span();
        let Some(rule) = rule(section) else { continue };
        if seen.insert((rule.direction, rule.protocol, rule.ports, rule.remote)) {
            rules.push(rule);
        } else {
            let fault = Fault::new("This rule is given twice", "keep one of the two: descriptions make no difference");
            file.report(span, fault);
        }
    }
    Some(rules)
}

fn rule(mut file: Section) -> Option<Rule> {
    let direction = file.text("direction", value::direction);
    let protocol = file.text("protocol", value::protocol);
    let ports = file.text("ports", value::ports);
    let cidr = file.text("cidr", value::network);
    let group = file.text("group", value::group);
    let description = file.text("description", value::rule_description);

    if protocol.is_nothing() {
        let hint = "write protocol = \"tcp\", \"udp\", \"icmp\" or \"all\"";
        file.lacks(&["protocol"], Fault::new("This rule has no `protocol`", hint));
    }
    if let Some(Protocol::Icmp | Protocol::All) = protocol.value()
        && let Some(span) = ports.span()
    {
        file.report(span, Fault::new("Only TCP and UDP have ports", "leave `ports` out"));
    }
    let remote = match (cidr, group) {
        (Said::Nothing, Said::Nothing) => {
            let hint = "say who is at the other end: cidr = \"10.16.0.0/16\" or group = \"self\"";
            file.lacks(&["cidr", "group"], Fault::new("This rule has neither `cidr` nor `group`", hint));
            None
        }
        (Said::Value(cidr), Said::Nothing) => Some(Remote::Cidr(cidr.into_inner())),
        (Said::Nothing, Said::Value(group)) => Some(Remote::Group(group.into_inner())),
        (Said::Value(_), Said::Value(group)) => {
            file.report(group.span(), Fault::new("This rule has both `cidr` and `group`", "make it two rules"));
            None
        }
        (Said::Wrong, _) | (_, Said::Wrong) => None,
    };
    let all_known = !direction.is_wrong() && !ports.is_wrong();
    file.finish();
    Some(Rule {
        direction: direction.or(Direction::default()),
        protocol: protocol.into_value()?,
        // AWS knows no difference between all ports and none named.
        ports: ports.into_value().filter(|ports| *ports != Ports::ALL),
        remote: remote?,
        description: description.into_value(),
    })
    .filter(|_| all_known)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use miette::{GraphicalReportHandler, GraphicalTheme};
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Group;

    fn source(text: &str) -> Source {
        Source { name: "lab.toml".into(), text: text.into() }
    }

    fn plan(text: &str) -> Plan {
        parse(&source(text)).unwrap_or_else(|error| panic!("{}", render(&error)))
    }

    fn render(error: &PlanError) -> String {
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
        handler.render_report(&mut text, error).unwrap();
        text
    }

    /// The picture that a user gets of the mistakes in this text.
    fn picture(text: &str) -> String {
        render(&parse(&source(text)).unwrap_err())
    }

    /// Place, sentence and hint of each mistake in this text, which comes with a name.
    fn mistakes(text: &str) -> String {
        let error = parse(&source(&format!("name = \"lab\"\n{text}"))).expect_err(text);
        let lines = error.mistakes.iter().map(|mistake| {
            let hint = mistake.hint.as_deref().unwrap_or_default();
            format!("{}:{} {}\n    {hint}", mistake.line, mistake.column, mistake.sentence)
        });
        lines.collect::<Vec<_>>().join("\n")
    }

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
            tags = { team = "platform", "cost centre" = "" }
            peering.enabled = false
            [onprem]
            cidr = "10.0.0.0/16"
            dns_hostnames = false
            private = { b = "10.0.64.0/20" }
            rules = []
            [[studio.rules]]
            direction = "egress"
            protocol = "all"
            group = "self"
            description = "Everything within"
            [[studio.rules]]
            protocol = "udp"
            ports = "0-65535"
            cidr = "0.0.0.0/0"
            [access]
            role = false
            service = "ec2.amazonaws.com.cn"
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
zones = ["use1-az1", "us-east-1"]
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
        5:10 `use1-az1` is not the name of an Availability Zone
            write the zone's name, not its id: a Region and a letter, as in "us-east-1a"
        5:22 `us-east-1` is not the name of an Availability Zone
            write the zone's name, not its id: a Region and a letter, as in "us-east-1a"
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
        12:11 `lambda` is not a service
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
    fn networks_are_checked_as_aws_would() {
        assert_snapshot!(mistakes(r#"
[onprem]
cidr = "192.168.10.0/27"
private.a = "192.168.10.0/29"
private.b = "fd00::/64"
public.a = "192.168.10.0"
public.b = "192.168.10.300/24"
[studio]
cidr = "169.254.0.0/16"
"#), @r#"
        4:8 A /27 is too small for the subnets of this VPC
            use /16 to /26
        5:13 A subnet can't be a /29
            AWS allows /16 to /28
        6:13 `fd00::/64` is not an IPv4 network
            only IPv4 is supported: "10.16.0.0/16"
        7:12 `192.168.10.0` is not an IPv4 network
            write an address and the length of its prefix: "10.16.0.0/16"
        8:12 `192.168.10.300/24` is not an IPv4 network
            write an address and the length of its prefix: "10.16.0.0/16"
        10:8 169.254.0.0/16 is reserved for link-local addresses
            use a private range: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16
        "#);
    }

    #[test]
    fn subnets_lie_in_their_vpc_and_do_not_overlap() {
        assert_snapshot!(mistakes(r#"
[onprem.private]
a = "192.168.10.0/25"
[studio.private]
a = "10.16.0.0/17"
b = "10.17.0.0/20"
"#), @r"
        4:5 192.168.10.0/25 overlaps the subnet `private.b`, which is 192.168.10.64/26 by default
            move this one, or `private.b`
        7:5 10.17.0.0/20 is not within the VPC's 10.16.0.0/16
            choose a part of the VPC, or change the VPC's `cidr`
        ");
    }

    #[test]
    fn given_subnets_are_compared_even_where_their_vpc_is_wrong() {
        assert_snapshot!(mistakes(r#"
[studio]
cidr = "10.16.0.0"
private = { a = "10.99.0.0/20", b = "10.99.0.0/24" }
"#), @r#"
        4:8 `10.16.0.0` is not an IPv4 network
            write an address and the length of its prefix: "10.16.0.0/16"
        5:37 10.99.0.0/24 overlaps the subnet `private.a`, which is 10.99.0.0/20
            move this one, or `private.a`
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
    fn host_names_need_dns_support() {
        assert_snapshot!(mistakes("studio.dns_support = false"), @r"
        2:22 AWS has no DNS host names without DNS support
            set dns_hostnames = false as well
        ");
        plan("name = \"lab\"\nstudio = { dns_support = false, dns_hostnames = false }");
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
        assert_snapshot!(mistakes("regions = [\"us-east-1\"]\nzones = [\"eu-west-1a\", \"eu-west-1b\"]"), @r"
        3:9 The zones are of eu-west-1, which is not one of `regions`
            choose other zones, or add the Region
        ");
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
    fn rules_are_checked() {
        assert_snapshot!(mistakes(r#"
[[onprem.rules]]
protocol = "icmp"
ports = "8"
cidr = "0.0.0.0/0"
[[onprem.rules]]
protocol = "tcp"
ports = "2048-1024"
cidr = "10.0.0.0/8"
group = "self"
[[onprem.rules]]
protocol = "tcp"
ports = 53
group = "dns"
description = "l'été"
[[onprem.rules]]
direction = "inbound"
protocol = "6"
ports = "70000"
cidr = "10.0.0.1/8"
"#), @r#"
        5:9 Only TCP and UDP have ports
            leave `ports` out
        9:9 2048-1024 ends before it begins
            did you mean "1024-2048"?
        11:9 This rule has both `cidr` and `group`
            make it two rules
        14:9 A text belongs here, not a number
            put it in quotes: "53"
        15:9 `dns` is not a group that a rule can name
            known here: `self`
        16:15 A rule can't be described as `l'été`
            use at most 255 letters without accents, digits, spaces and ._-:/()#,@[]+=&;{}!$*
        18:13 `inbound` is not a direction
            known here: `ingress`, `egress`
        19:12 `6` is not a protocol
            known here: `tcp`, `udp`, `icmp`, `all`
        20:9 `70000` is neither a port nor a range of ports
            write a port from 0 to 65535, "53", or two with a hyphen, "1024-2048"
        21:8 10.0.0.1 is not the first address of a /8
            did you mean "10.0.0.0/8"?
        "#);
    }

    #[test]
    fn the_same_rule_twice_is_a_mistake_however_it_is_written() {
        assert_snapshot!(mistakes(r#"
[[onprem.rules]]
protocol = "tcp"
group = "self"
[[onprem.rules]]
direction = "ingress"
protocol = "tcp"
ports = "0-65535"
group = "self"
description = "All ports are no ports"
"#), @r"
        6:1 This rule is given twice
            keep one of the two: descriptions make no difference
        ");
    }

    #[test]
    fn the_members_of_a_group_are_a_remote() {
        let plan = plan("name = \"lab\"\n[[onprem.rules]]\nprotocol = \"tcp\"\ngroup = \"self\"");
        assert_eq!(plan.onprem.rules[0].remote, Remote::Group(Group::Own));
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

    /// Plans and what is nearly one: the shipped plan with a piece replaced.
    fn damaged_plan() -> impl Strategy<Value = String> {
        let pieces =
            ["", "\"", "[", "]", "[[", "{", "=", "\n", ".", ",", "0", "/", "-", "é", "\u{feff}", "name", "true"];
        (any::<prop::sample::Index>(), 0..40_usize, prop::sample::select(pieces.to_vec())).prop_map(
            |(at, length, piece)| {
                let text = super::super::BUILT_IN[0].1;
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
