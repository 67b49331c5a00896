//! Whether a lab is private: the eleven steps of the way from a corporate browser to a notebook, each shown to hold or not
//! by what is live. The plan says what is meant; everything else is read from the survey. What a plan doesn't ask for isn't
//! looked at, and that is said.
//!
//! A step holds when it holds from every host of the corporate network that somebody works on: the lab's app server
//! where it runs, and an imagined one in each subnet that has none. A host may ask any of the DNS servers that it is
//! told of, so each of them has to be right. Of policies it is worked out what they come to for a request.
//!
//! | steps | file |
//! | --- | --- |
//! | 1, who signs users in | `sign_in` |
//! | 2 and 5, the portal's name, endpoint and policy | `api` |
//! | 3, 4 and 9, who answers the private names | `names` |
//! | 6 and 7, which functions the API calls | `functions` |
//! | 8, the function that makes URLs | `presign` |
//! | 10, from where a URL works | `access` |
//! | 11, packets to the endpoints and back | `packets` |

pub(crate) mod access;
mod api;
mod doors;
mod found;
mod functions;
mod hosts;
mod leaks;
mod live;
mod names;
mod packets;
mod presign;
mod sign_in;
#[cfg(test)]
mod testing;

use serde::{Deserialize, Serialize};

use crate::blueprint::Blueprint;
use crate::engine::holdings::Holdings;
use crate::plan::Plan;
use crate::resource::{Address, Fields, Kind, Observed, Readiness, Spec};
use crate::survey::Survey;
use doors::Door;
use found::{Found, Reasons};
use hosts::Host;
use live::{Labels, Live, UserData};

/// Where the parts of a lab stand in its blueprint.
const ONPREM_VPC: &str = "onprem/vpc";
const STUDIO_VPC: &str = "studio/vpc";
const ONPREM_SUBNETS: [&str; 4] =
    ["onprem/subnet/private-a", "onprem/subnet/private-b", "onprem/subnet/public-a", "onprem/subnet/public-b"];
const DNS_SERVERS: [&str; 2] = ["onprem/dns/a", "onprem/dns/b"];
/// The function that makes URLs, and the one that says who asks for one.
const FUNCTION: &str = "portal/presign";
const AUTHORIZER: &str = "portal/authorizer";
const DOMAIN: &str = "domain";
const TABLE: &str = "portal/table";

const NOBODY: &str = "the lab's corporate network has no host, and no subnet to imagine one in";

/// What decides whether packets pass.
const NETWORK: [Kind; 13] = [
    Kind::Vpc,
    Kind::Subnet,
    Kind::RouteTable,
    Kind::RouteTableAssociation,
    Kind::Route,
    Kind::SecurityGroup,
    Kind::SecurityGroupRule,
    Kind::NetworkAcl,
    Kind::VpcPeeringConnection,
    Kind::InternetGateway,
    Kind::NatGateway,
    Kind::InterfaceEndpoint,
    Kind::Instance,
];

/// What decides who answers a lookup, besides the network.
const NAMES: [Kind; 6] = [
    Kind::DhcpOptions,
    Kind::DhcpOptionsAssociation,
    Kind::ResolverEndpoint,
    Kind::ResolverRuleAssociation,
    Kind::HostedZone,
    Kind::RecordSet,
];

/// What of a lab's privacy could be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether every step looked at holds and nothing leaks.
    pub private: bool,
    /// Which of the eleven steps were looked at.
    pub looked_at: Vec<u8>,
    /// The other ones: the plan doesn't ask for what they are about.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    /// What was found of those looked at, in order.
    pub steps: Vec<Step>,
    /// Ways past the private one, a sentence each.
    pub leaks: Vec<String>,
}

/// A step that wasn't looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its number among the eleven.
    pub step: u8,
    /// Why not, as a sentence.
    pub because: String,
}

/// A step of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number among the eleven.
    pub step: u8,
    /// What should be so.
    pub title: String,
    /// Whether it is.
    pub holds: Holds,
    /// Why, a sentence each.
    pub because: Vec<String>,
}

/// Whether something was shown to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It is so.
    Yes,
    /// It isn't.
    No,
    /// It can't be known.
    Unknown,
}

/// What a plan has to ask for, for a step to be looked at.
enum Part {
    /// Nothing in particular.
    Network,
    /// The portal.
    Portal,
    /// Something that presigned URLs are bound to.
    Binding,
}

impl Part {
    /// Why a plan doesn't ask for it, if it doesn't.
    fn why_not(&self, plan: &Plan) -> Option<&'static str> {
        match self {
            Self::Portal if !plan.portal.enabled => Some("the plan has no portal"),
            Self::Binding if plan.access.mode.is_none() || !plan.access.role => {
                Some("the plan binds presigned URLs to nothing: `access.mode` isn't set")
            }
            _ => None,
        }
    }
}

/// Looks at a step.
type Look = fn(&Lab<'_>) -> Step;

/// The eleven steps, in order.
const STEPS: [(Part, Look); 11] = [
    (Part::Portal, |lab| lab.sign_in()),
    (Part::Portal, |lab| lab.portal_name()),
    (Part::Network, |lab| lab.forwarding()),
    (Part::Network, |lab| lab.resolver()),
    (Part::Portal, |lab| lab.portal_door()),
    (Part::Portal, |lab| lab.call()),
    (Part::Portal, |lab| lab.way_to_lambda()),
    (Part::Portal, |lab| lab.making()),
    (Part::Network, |lab| lab.studio_name()),
    (Part::Binding, |lab| lab.binding()),
    (Part::Network, |lab| lab.connection()),
];

/// Looks at a lab: its plan, what that asks for in a Region, and what is there.
pub fn verify(plan: &Plan, blueprint: &Blueprint, survey: &Survey, region: &str) -> Verification {
    let holdings = Holdings::sort(blueprint, survey);
    let labels = Labels::of(&holdings);
    let mut live = Live::read(survey, &labels, &UserData::planned(blueprint, &holdings));
    let hosts = hosts::hosts(&holdings, &labels, &mut live);
    let origins = hosts::origins(&holdings, &labels, &mut live);
    let doors = doors::doors(plan, blueprint, &holdings, region);
    let lab = Lab {
        plan,
        blueprint,
        survey,
        region,
        holdings: &holdings,
        labels: &labels,
        live: &live,
        hosts,
        origins,
        doors,
    };
    let (mut steps, mut left_out) = (Vec::new(), Vec::new());
    for (step, (part, look)) in (1..).zip(&STEPS) {
        match part.why_not(plan) {
            Some(why) => left_out.push(LeftOut { step, because: why.to_owned() }),
            None => steps.push(look(&lab)),
        }
    }
    let leaks = lab.leaks();
    let private = leaks.is_empty() && steps.iter().all(|step| step.holds == Holds::Yes);
    Verification { private, looked_at: steps.iter().map(|step| step.step).collect(), left_out, steps, leaks }
}

/// Everything that the steps are about.
struct Lab<'a> {
    plan: &'a Plan,
    blueprint: &'a Blueprint,
    survey: &'a Survey,
    region: &'a str,
    holdings: &'a Holdings<'a>,
    labels: &'a Labels<'a>,
    live: &'a Live,
    hosts: Vec<Host>,
    /// Where the portal's function calls from.
    origins: Vec<Host>,
    doors: Vec<Door<'a>>,
}

/// What a step goes by: where some of it could not be read, the step is unknown.
#[derive(Clone, Copy)]
struct Basis {
    network: bool,
    names: bool,
    kinds: &'static [Kind],
}

impl Basis {
    /// Whether packets pass.
    const NETWORK: Self = Self { network: true, names: false, kinds: &[] };
    /// Who answers a lookup.
    const NAMES: Self = Self { network: true, names: true, kinds: &[] };
    /// Neither.
    const APART: Self = Self { network: false, names: false, kinds: &[] };

    /// These kinds as well.
    const fn and(self, kinds: &'static [Kind]) -> Self {
        Self { kinds, ..self }
    }
}

impl<'a> Lab<'a> {
    /// A step, unless what it goes by could not be read.
    fn step(&self, step: u8, title: &str, basis: Basis, look: impl FnOnce(&Self) -> Found) -> Step {
        let network = NETWORK.iter().filter(|_| basis.network);
        let kinds = network.chain(NAMES.iter().filter(|_| basis.names)).chain(basis.kinds);
        let unreadable = kinds.filter_map(|kind| Some((kind, self.survey.why_unreadable(*kind)?)));
        let mut unknown = Reasons::default();
        unknown.add_all(unreadable.map(|(kind, failure)| format!("{kind} could not be read: {failure}")));
        unknown.add_all(self.live.unknown_network.iter().filter(|_| basis.network).cloned());
        unknown.add_all(self.live.unknown_names.iter().filter(|_| basis.names).cloned());
        let (holds, because) = match unknown.0.is_empty() {
            true => look(self).verdict(),
            false => (Holds::Unknown, unknown.0),
        };
        Step { step, title: title.to_owned(), holds, because }
    }

    /// What stands at an address of the lab.
    fn at(&self, address: &str) -> Option<(&'a Observed, &'a Spec)> {
        let held = self.holdings.held.get(&Address::from(address))?;
        Some((held.observed, &held.observed.spec))
    }

    /// What the plan wants at an address, with the values of what stands in the places of pointers.
    fn planned(&self, address: &str) -> Option<Fields> {
        Some(self.holdings.resolved(self.blueprint.get(&Address::from(address))?))
    }

    /// The addresses of the blueprint that begin like this.
    fn planned_below(&self, start: &str) -> impl Iterator<Item = &'a str> {
        let addresses = self.blueprint.iter().map(|desired| desired.address.as_str());
        addresses.filter(move |address| address.starts_with(start))
    }

    fn label(&self, observed: &Observed) -> String {
        self.labels.label(&observed.id)
    }

    /// Notes whether something can be used.
    fn usable(&self, observed: &Observed, found: &mut Found) {
        let (label, state) = (self.label(observed), &observed.state);
        match &observed.readiness {
            Readiness::Ready => found.for_it.add(format!("{label} is {state}")),
            Readiness::Failed(why) => found.against.add(format!("{label} is {state}: {why}")),
            Readiness::Pending | Readiness::Deleting => found.against.add(format!("{label} is {state}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::testing::{Built, lab, plan, server, whole};
    use super::*;
    use crate::aws::{Class, Failure as Denied};
    use crate::plan::DnsMode;

    #[test]
    fn a_lab_as_it_was_built_is_private() {
        for mode in [DnsMode::Server, DnsMode::Dhcp] {
            let found = lab(mode).verify();
            assert!(found.private, "{mode:?}: {found:#?}");
        }
    }

    #[test]
    fn each_step_says_why_it_holds() {
        let lab = server();
        let steps = lab.verify().steps;
        let told = steps.iter().map(|step| format!("{}\n  {}", step.title, step.because.join("\n  ")));
        assert_snapshot!(lab.short(&told.collect::<Vec<_>>().join("\n")), @"
        Corporate DNS forwards the private names to the inbound resolver
          192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws
          onprem/dhcp-options names 192.168.10.10
          onprem/dns/a forwards studio.eu-west-1.sagemaker.aws to 10.16.32.10
          10.16.32.10 is the inbound resolver endpoint studio/resolver: it asks the resolver of studio/vpc
          the same hosts look up d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
          onprem/dns/a forwards studio.sagemaker.eu-west-1.app.aws to 10.16.32.10
          the same hosts look up api.sagemaker.eu-west-1.amazonaws.com
          onprem/dns/a forwards api.sagemaker.eu-west-1.amazonaws.com to 10.16.32.10
        The VPC resolver answers with the endpoints' addresses
          the resolver of studio/vpc has *.studio.eu-west-1.sagemaker.aws from studio/endpoint/studio: 10.16.42.74 and 10.16.100.7
          the resolver of studio/vpc has *.studio.sagemaker.eu-west-1.app.aws from studio/endpoint/studio: 10.16.42.74 and 10.16.100.7
          the resolver of studio/vpc has api.sagemaker.eu-west-1.amazonaws.com from studio/endpoint/sagemaker.api: 10.16.42.75 and 10.16.100.8
        The Studio URL resolves to the Studio endpoint
          192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up d-abcdefghijkl.studio.eu-west-1.sagemaker.aws and d-abcdefghijkl.studio.sagemaker.eu-west-1.app.aws
          it leads to 10.16.42.74 and 10.16.100.7, the addresses of studio/endpoint/studio
        HTTPS passes from the corporate network to the endpoints, and back
          the group onprem/security-group/app lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/public sends 10.16.0.0/16 to the peering peering
          the group studio/security-group/endpoints lets tcp 443 in from 192.168.10.0/24
          back, the route table studio/route-table/private sends 192.168.10.0/24 to the peering peering
          the group of an imagined host lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/private sends 10.16.0.0/16 to the peering peering
        ");
    }

    #[test]
    fn what_could_not_be_read_is_unknown_and_never_yes() {
        let denied = Denied::here("DescribeRouteTables", Class::Denied, "not authorised");
        let blind = server().but(|survey| drop(survey.unreadable.insert(Kind::Route, denied.clone())));
        assert_eq!(blind.holds(), "3 unknown, 4 unknown, 9 unknown, 11 unknown");
        assert!(!blind.verify().private);
        let no_dhcp = server().but(|survey| drop(survey.unreadable.insert(Kind::DhcpOptions, denied)));
        assert_eq!(no_dhcp.holds(), "3 unknown, 4 unknown, 9 unknown, 11 yes");
        let gone = server().without("onprem/dhcp-options");
        assert_eq!(gone.holds(), "3 unknown, 4 unknown, 9 unknown, 11 yes");
    }

    #[test]
    fn what_the_plan_doesnt_have_is_said() {
        assert_snapshot!(Built::of(plan()).told(), @"
        3 no, 4 no, 9 no, 11 no
        3: the plan has no DNS forwarding: `dns.mode` is off
        4: the plan has no endpoint for studio in the Studio VPC
        9: the plan has no endpoint for studio in the Studio VPC
        11: the plan has no endpoint for studio in the Studio VPC
        ");
    }

    #[test]
    fn of_nothing_that_stands_nothing_holds() {
        let nothing = server().but(|survey| survey.found.clear());
        assert_eq!(nothing.holds(), "3 no, 4 no, 9 no, 11 no");
    }

    #[test]
    fn the_whole_architecture_is_private_by_eleven_steps() {
        let found = whole().verify();
        assert!(found.private && found.left_out.is_empty(), "{}", whole().trouble());
        assert_eq!(found.looked_at, (1..=11).collect::<Vec<u8>>());
    }

    #[test]
    fn each_step_of_the_portal_says_why_it_holds() {
        let told =
            [1, 2, 5, 6, 7, 8, 10].map(|step| format!("{step}\n  {}", whole().because(step).replace('\n', "\n  ")));
        assert_snapshot!(told.join("\n"), @"
        1
          sign-in/pool signs users in
          sign-in/client lets users sign in by ALLOW_USER_PASSWORD_AUTH
          sign-in/user/studio-user may sign in
          portal/api/method/page shows the portal's page
          portal/api/method/page shows it to everybody who gets there
          portal/api/stage tells the page where that is
        2
          portal/api is private
          portal/api is bound to studio/endpoint/execute-api
          portal/api/stage serves portal/api/deployment
          192.168.10.148 (onprem/app), 192.168.10.4 (imagined, in onprem/subnet/private-a), 192.168.10.68 (imagined, in onprem/subnet/private-b) and 192.168.10.196 (imagined, in onprem/subnet/public-b) look up id:portal/api.execute-api.eu-west-1.amazonaws.com
          it leads to 10.16.33.65 and 10.16.97.65, the addresses of studio/endpoint/execute-api
          the group onprem/security-group/app lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/public sends 10.16.0.0/16 to the peering peering
          the group studio/security-group/endpoints lets tcp 443 in from 192.168.10.0/24
          back, the route table studio/route-table/private sends 192.168.10.0/24 to the peering peering
          the group of an imagined host lets tcp 443 out to 0.0.0.0/0
          the route table onprem/route-table/private sends 10.16.0.0/16 to the peering peering
        5
          studio/endpoint/execute-api is available
          the group studio/security-group/endpoints lets tcp 443 in from 192.168.10.0/24
          GET / of portal/api through studio/endpoint/execute-api is admitted: statement 2 of the resource policy portal/api allows execute-api:Invoke; statement 1 of the endpoint policy id:studio/endpoint/execute-api allows execute-api:Invoke
          GET / of portal/api over the internet is refused: statement 1 of the resource policy portal/api denies execute-api:Invoke: aws:SourceVpce is absent, which meets StringNotEquals id:studio/endpoint/execute-api
          GET / of portal/api through an endpoint of another VPC is refused: statement 1 of the resource policy portal/api denies execute-api:Invoke: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/execute-api
          GET / of portal/api through another endpoint of the Studio VPC is refused: statement 1 of the resource policy portal/api denies execute-api:Invoke: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/execute-api
          GET /users/{user}/url of portal/api through studio/endpoint/execute-api is admitted: statement 2 of the resource policy portal/api allows execute-api:Invoke; statement 1 of the endpoint policy id:studio/endpoint/execute-api allows execute-api:Invoke
          GET /users/{user}/url of portal/api over the internet is refused: statement 1 of the resource policy portal/api denies execute-api:Invoke: aws:SourceVpce is absent, which meets StringNotEquals id:studio/endpoint/execute-api
          GET /users/{user}/url of portal/api through an endpoint of another VPC is refused: statement 1 of the resource policy portal/api denies execute-api:Invoke: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/execute-api
          GET /users/{user}/url of portal/api through another endpoint of the Studio VPC is refused: statement 1 of the resource policy portal/api denies execute-api:Invoke: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/execute-api
        6
          portal/api/method/url asks portal/api/authorizer who calls
          portal/api/authorizer keeps no answer
          portal/api/authorizer calls portal/authorizer
          portal/authorizer runs the portal's code
          portal/authorizer believes the provider that the plan says
          portal/presign answers portal/api/method/url
          a call of portal/presign by API Gateway, for portal/api, is admitted: the statement api of the resource policy portal/presign allows lambda:InvokeFunction: AWS:SourceArn is arn:aws:execute-api:eu-west-1:111122223333:id:portal/api/portal/GET/users/{user}/url, which meets ArnLike arn:aws:execute-api:eu-west-1:111122223333:id:portal/api/*
          a call of portal/authorizer by API Gateway, for portal/api, is admitted: the statement api of the resource policy portal/authorizer allows lambda:InvokeFunction: AWS:SourceArn is arn:aws:execute-api:eu-west-1:111122223333:id:portal/api/authorizers/id:portal/api/authorizer, which meets ArnLike arn:aws:execute-api:eu-west-1:111122223333:id:portal/api/*
          portal/api/stage serves portal/api/deployment, which is of what stands
        7
          portal/presign is available
          portal/authorizer is available
          API Gateway reaches Lambda over AWS's own network, not through an endpoint
          studio/endpoint/lambda is available
          studio/endpoint/lambda serves callers in the Studio VPC
        8
          portal/presign runs the portal's code
          portal/table is available
          portal/presign goes by portal/table
          portal/presign calls from the private subnets of the Studio VPC
          its route table leads to DynamoDB by studio/gateway-endpoint/dynamodb
          api.sagemaker.eu-west-1.amazonaws.com leads it to 10.16.39.39 and 10.16.103.39, the addresses of studio/endpoint/sagemaker.api
          tcp 443 passes from it to those addresses
          domain is available
          the row portal/table/user/studio-user leads to domain/user-profile/studio-user
          domain/user-profile/studio-user is available
          portal/presign acts in access/role/portal
          reading the table through studio/gateway-endpoint/dynamodb is admitted: statement 1 of the identity policy access/role/portal/policy/function allows dynamodb:GetItem; statement 1 of the endpoint policy id:studio/gateway-endpoint/dynamodb allows dynamodb:GetItem
          making a URL for portal/table/user/studio-user through studio/endpoint/sagemaker.api is admitted: statement 1 of the identity policy access/role/portal/policy/presign allows sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is id:studio/endpoint/sagemaker.api, which meets StringEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio; statement 1 of the endpoint policy id:studio/endpoint/sagemaker.api allows sagemaker:CreatePresignedDomainUrl
          making a URL for another domain is refused: no identity policy allows sagemaker:CreatePresignedDomainUrl on arn:aws:sagemaker:eu-west-1:111122223333:user-profile/d-000000000000/somebody
          a URL over the internet is refused: statement 2 of the identity policy access/role/portal/policy/presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is absent, which meets StringNotEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio
          a URL through an endpoint of another VPC is refused: statement 2 of the identity policy access/role/portal/policy/presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio
          a URL through another endpoint of the Studio VPC is refused: statement 2 of the identity policy access/role/portal/policy/presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio
        10
          opening a URL through studio/endpoint/studio is admitted: statement 1 of the identity policy access/role/portal/policy/presign allows sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is id:studio/endpoint/studio, which meets StringEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio; statement 1 of the endpoint policy id:studio/endpoint/studio allows sagemaker:CreatePresignedDomainUrl
          a URL over the internet is refused: statement 2 of the identity policy access/role/portal/policy/presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is absent, which meets StringNotEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio
          a URL through an endpoint of another VPC is refused: statement 2 of the identity policy access/role/portal/policy/presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio
          a URL through another endpoint of the Studio VPC is refused: statement 2 of the identity policy access/role/portal/policy/presign denies sagemaker:CreatePresignedDomainUrl: aws:SourceVpce is vpce-00000000000000000, which meets StringNotEquals id:studio/endpoint/sagemaker.api or id:studio/endpoint/studio
        ");
    }

    #[test]
    fn what_a_plan_does_not_ask_for_is_left_out_and_that_is_said() {
        for (name, steps) in [("@foundation", vec![3, 4, 9, 10, 11]), ("@minimal", vec![3, 4, 9, 10, 11])] {
            let plan = crate::plan::parse(&crate::plan::Source::built_in(name).unwrap()).unwrap();
            let found = Built::of(plan).verify();
            assert!(found.private, "{found:#?}");
            assert_eq!(found.looked_at, steps);
            let portal = |step| LeftOut { step, because: "the plan has no portal".into() };
            assert_eq!(found.left_out, [1, 2, 5, 6, 7, 8].map(portal));
        }
        let unbound = server().verify().left_out.pop().unwrap();
        assert_eq!(unbound.because, "the plan binds presigned URLs to nothing: `access.mode` isn't set");
    }

    #[test]
    fn each_kind_of_the_portal_that_could_not_be_read_leaves_its_steps_unknown() {
        let denied = Denied::here("Get", Class::Denied, "not authorised");
        for (kind, steps) in [
            (Kind::UserPoolClient, "1 unknown"),
            (Kind::ApiMethod, "1 unknown, 6 unknown"),
            (Kind::ApiStage, "1 unknown, 2 unknown, 6 unknown"),
            (Kind::RestApi, "1 unknown, 2 unknown, 5 unknown, 6 unknown"),
            (Kind::FunctionPermission, "6 unknown"),
            (Kind::Function, "6 unknown, 7 unknown, 8 unknown"),
            (Kind::TableItem, "8 unknown, 10 unknown"),
            (Kind::UserProfile, "8 unknown"),
            (Kind::RolePolicy, "8 unknown, 10 unknown"),
            (Kind::RolePolicyAttachment, "8 unknown, 10 unknown"),
        ] {
            let blind = whole().but(|survey| drop(survey.unreadable.insert(kind, denied.clone())));
            blind.breaks(steps, &format!("{kind} could not be read"));
            assert!(!blind.verify().private);
        }
    }
}
