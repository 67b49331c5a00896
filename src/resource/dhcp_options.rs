//! A set of DHCP options: <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html>.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{DhcpOptions as SdkDhcpOptions, NewDhcpConfiguration, ResourceType};
use serde::{Deserialize, Serialize};

use super::{Creation, Listing, Observed, Operations, Query, Resource, Seconds, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a set of options is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpOptions {
    /// Option names with their values, in order: `domain-name-servers` → `192.168.10.10`, `192.168.10.74`.
    pub options: BTreeMap<String, Vec<String>>,
}

impl Resource for DhcpOptions {
    const ROOT: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateDhcpOptions",
        change: "CreateDhcpOptions",
        delete: "DeleteDhcpOptions",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let options: Vec<_> = self
            .options
            .iter()
            .map(|(name, values)| NewDhcpConfiguration::builder().key(name).set_values(Some(values.clone())).build())
            .collect();
        let tags = ec2::tag_specification(ResourceType::DhcpOptions, &with.tags);
        let answer = aws
            .write("ec2", "CreateDhcpOptions", || {
                let call = aws.ec2.create_dhcp_options().set_dhcp_configurations(Some(options.clone()));
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer
            .dhcp_options()
            .and_then(read)
            .ok_or_else(|| Failure::here("CreateDhcpOptions", Class::UnknownOutcome, "no options in the answer"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.delete_dhcp_options().dhcp_options_id(&observed.id).send();
        aws.write("ec2", "DeleteDhcpOptions", call).await.map(drop)
    }
}

impl DhcpOptions {
    /// Whether it says what the set says that AWS makes for each Region.
    pub fn is_aws_default(&self, region: &str) -> bool {
        let domain = if region == "us-east-1" { "ec2.internal".into() } else { format!("{region}.compute.internal") };
        let default = [("domain-name", domain), ("domain-name-servers", "AmazonProvidedDNS".into())];
        self.options == default.map(|(name, value)| (name.to_owned(), vec![value])).into()
    }
}

fn read(set: &SdkDhcpOptions) -> Option<Observed> {
    let options = set.dhcp_configurations().iter().filter_map(|option| {
        let values = option.values().iter().filter_map(|value| value.value().map(str::to_owned));
        Some((option.key()?.to_owned(), values.collect()))
    });
    let spec = DhcpOptions { options: options.collect() };
    Some(Observed::standing(set.dhcp_options_id()?, ec2::read_tags(set.tags()), spec))
}

/// Lists sets of DHCP options. They are the account's, inside no VPC.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    if matches!(query, Query::Inside(_)) {
        return Ok(Listing::default());
    }
    let filters = ec2::filters(query, "", "dhcp-options-id");
    let sets = aws
        .read_pages("ec2", "DescribeDhcpOptions", |next| {
            let call = aws.ec2.describe_dhcp_options().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.dhcp_options.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: sets.iter().filter_map(read).collect(), ..Listing::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(options: &[(&str, &[&str])]) -> DhcpOptions {
        let values = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        DhcpOptions { options: options.iter().map(|(name, v)| (name.to_string(), values(v))).collect() }
    }

    #[test]
    fn the_set_that_aws_makes_is_known_by_what_it_says() {
        let ireland: &[(&str, &[&str])] =
            &[("domain-name", &["eu-west-1.compute.internal"]), ("domain-name-servers", &["AmazonProvidedDNS"])];
        assert!(set(ireland).is_aws_default("eu-west-1"));
        assert!(!set(ireland).is_aws_default("us-east-1"));
        let virginia: &[(&str, &[&str])] =
            &[("domain-name", &["ec2.internal"]), ("domain-name-servers", &["AmazonProvidedDNS"])];
        assert!(set(virginia).is_aws_default("us-east-1"));
        let servers: &[(&str, &[&str])] =
            &[("domain-name", &["eu-west-1.compute.internal"]), ("domain-name-servers", &["10.0.0.10"])];
        assert!(!set(servers).is_aws_default("eu-west-1"));
    }
}
