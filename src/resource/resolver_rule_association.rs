//! A rule of Route 53 Resolver that holds in a VPC:
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-rules-managing.html>. A lab has none of its own;
//! shown are those that somebody associated with its VPCs, each with what the rule says.

use std::collections::BTreeMap;

use aws_sdk_route53resolver::types::{Filter, ResolverRule, ResolverRuleAssociation as SdkAssociation};
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Readiness, Ref, Resource, Seconds, Set};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

const SERVICE: &str = "route53resolver";

/// The ids of rules that AWS defines itself, which every VPC has.
const AUTODEFINED: &str = "rslvr-autodefined-";

/// What holds in a VPC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolverRuleAssociation {
    /// The VPC in which it holds.
    pub vpc: Ref<Vpc>,
    /// The rule's id.
    pub rule: String,
    /// It is for this domain and everything below; none where another account shares the rule but not what it says.
    pub domain: Option<String>,
    /// `FORWARD`, `SYSTEM`, `RECURSIVE` or `DELEGATE`.
    pub rule_type: Option<String>,
    /// The outbound endpoint from which it forwards.
    pub endpoint: Option<String>,
    /// The addresses that it forwards to.
    pub targets: Set<String>,
}

impl Resource for ResolverRuleAssociation {
    const OWNERS: &'static [&'static str] = &["vpc"];
    const OPERATIONS: Operations = Operations {
        service: SERVICE,
        create: "AssociateResolverRule",
        change: "AssociateResolverRule",
        delete: "DisassociateResolverRule",
    };
    const SECONDS: Seconds = Seconds { create: 60.0, delete: 60.0 };
    const TAGGED: bool = false;

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("AssociateResolverRule", Class::Wrong, "no lab has a resolver rule of its own"))
    }

    async fn delete(_aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        Err(Failure::here("DisassociateResolverRule", Class::Wrong, format!("{} is not a lab's", observed.id)))
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

fn read(association: &SdkAssociation, rules: &BTreeMap<&str, &ResolverRule>) -> Option<Observed> {
    let state = association.status().map_or("unknown", |status| status.as_str()).to_uppercase();
    let readiness = match state.as_str() {
        "CREATING" => Readiness::Pending,
        "DELETING" => Readiness::Deleting,
        "FAILED" => Readiness::Failed(association.status_message().unwrap_or("no reason given").to_owned()),
        _ => Readiness::Ready,
    };
    let id = association.resolver_rule_id()?;
    let rule = rules.get(id);
    let targets = rule.map(|rule| rule.target_ips()).unwrap_or_default();
    let spec = ResolverRuleAssociation {
        vpc: Ref::known(association.vpc_id()?),
        rule: id.to_owned(),
        domain: rule.and_then(|rule| rule.domain_name()).map(str::to_owned),
        rule_type: rule.and_then(|rule| rule.rule_type()).map(|kind| kind.as_str().to_owned()),
        endpoint: rule.and_then(|rule| rule.resolver_endpoint_id()).map(str::to_owned),
        targets: targets.iter().filter_map(|target| target.ip().or(target.ipv6())).map(str::to_owned).collect(),
    };
    Some(Observed { state, readiness, ..Observed::standing(association.id()?, Tags::new(), spec) })
}

/// Lists the rules that hold in these VPCs, but for AWS's own; what they say takes a second call where there are some.
/// Labs have none, by tag or by id.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let Query::Inside(vpcs) = query else { return Ok(Listing::default()) };
    let filter = Filter::builder().name("VPCId").set_values(Some(vpcs.clone())).build();
    let mut associations = aws
        .read_pages(SERVICE, "ListResolverRuleAssociations", |next| {
            let call = aws.route53resolver.list_resolver_rule_associations().filters(filter.clone()).max_results(100);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.resolver_rule_associations.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    associations.retain(|association| !association.resolver_rule_id().unwrap_or_default().starts_with(AUTODEFINED));
    let rules = if associations.is_empty() { Vec::new() } else { rules(aws).await? };
    let rules = rules.iter().filter_map(|rule| Some((rule.id()?, rule))).collect();
    let found = associations.iter().filter_map(|association| read(association, &rules)).collect();
    Ok(Listing { found, ..Listing::default() })
}

async fn rules(aws: &Aws) -> Result<Vec<ResolverRule>, Failure> {
    aws.read_pages(SERVICE, "ListResolverRules", |next| {
        let call = aws.route53resolver.list_resolver_rules().max_results(100);
        async {
            let page = call.set_next_token(next).send().await;
            page.map(|page| (page.resolver_rules.unwrap_or_default(), page.next_token))
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53resolver::types::{ResolverRuleAssociationStatus, RuleTypeOption, TargetAddress};

    use super::super::Spec;
    use super::*;

    fn association(rule: &str) -> SdkAssociation {
        let association = SdkAssociation::builder().id("rslvr-rrassoc-1").resolver_rule_id(rule).vpc_id("vpc-1");
        association.status(ResolverRuleAssociationStatus::Complete).build()
    }

    fn spec(observed: Observed) -> ResolverRuleAssociation {
        let Spec::ResolverRuleAssociation(spec) = observed.spec else { panic!("an association") };
        spec
    }

    #[test]
    fn an_association_says_what_its_rule_does_and_nothing_where_that_is_another_accounts_secret() {
        let target = TargetAddress::builder().ip("10.9.0.53").build();
        let rule = ResolverRule::builder().id("rslvr-rr-1").domain_name("sagemaker.aws.").target_ips(target);
        let rule = rule.rule_type(RuleTypeOption::Forward).resolver_endpoint_id("rslvr-out-1").build();
        let rules = BTreeMap::from([("rslvr-rr-1", &rule)]);
        let known = spec(read(&association("rslvr-rr-1"), &rules).unwrap());
        assert_eq!((known.domain.as_deref(), known.rule_type.as_deref()), (Some("sagemaker.aws."), Some("FORWARD")));
        assert_eq!((known.endpoint.as_deref(), known.targets.len()), (Some("rslvr-out-1"), 1));
        let shared = spec(read(&association("rslvr-rr-2"), &rules).unwrap());
        assert_eq!((shared.domain, shared.rule_type), (None, None));
    }
}
