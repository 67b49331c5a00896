//! Which set of DHCP options a VPC hands out. Every VPC begins with the Region's own set, and hands out none when it is
//! told `default`.

use aws_sdk_ec2::types::Vpc as SdkVpc;
use serde::{Deserialize, Serialize};

use super::dhcp_options::DhcpOptions;
use super::vpc::Vpc;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Spec};
use crate::aws::tags::Tags;
use crate::aws::{Aws, Class, Failure};

/// What an association is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpOptionsAssociation {
    /// The VPC.
    pub vpc: Ref<Vpc>,
    /// The set that it hands out.
    pub dhcp_options: Ref<DhcpOptions>,
}

impl Resource for DhcpOptionsAssociation {
    const IN_PLACE: &'static [&'static str] = &["dhcp_options"];
    const OWNERS: &'static [&'static str] = &["vpc"];
    const IN_SET: bool = true;
    const VANISHES: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "AssociateDhcpOptions",
        change: "AssociateDhcpOptions",
        delete: "AssociateDhcpOptions",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };
    const TAGGED: bool = false;

    fn natural_key(&self) -> Option<String> {
        Some(self.vpc.text())
    }

    /// Makes nothing: every VPC has a set of some kind, and naming another is a change, which may be made twice.
    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        let id = id(self.vpc.id()?, self.dhcp_options.id()?);
        Ok(Observed::standing(id, Tags::new(), self.clone()))
    }

    async fn complete(&self, aws: &Aws, _id: &str) -> Result<(), Failure> {
        associate(aws, self.vpc.id()?, self.dhcp_options.id()?).await
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        self.complete(aws, &from.id).await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        match &observed.spec {
            Spec::DhcpOptionsAssociation(association) => associate(aws, association.vpc.id()?, "default").await,
            _ => Ok(()),
        }
    }

    async fn tag(_aws: &Aws, id: &str, _tags: &Tags) -> Result<(), Failure> {
        Err(Failure::here("tag", Class::Wrong, format!("{id} takes no tags")))
    }
}

async fn associate(aws: &Aws, vpc: &str, set: &str) -> Result<(), Failure> {
    let call = || aws.ec2.associate_dhcp_options().vpc_id(vpc).dhcp_options_id(set).send();
    aws.write("ec2", "AssociateDhcpOptions", call).await.map(drop)
}

fn id(vpc: &str, set: &str) -> String {
    format!("{vpc} {set}")
}

/// The set that a VPC hands out, the Region's own among them; none where it hands out none.
pub(super) fn of_vpc(vpc: &SdkVpc) -> Option<Observed> {
    let (vpc, set) = (vpc.vpc_id()?, vpc.dhcp_options_id().filter(|set| *set != "default")?);
    let spec = DhcpOptionsAssociation { vpc: Ref::known(vpc), dhcp_options: Ref::known(set) };
    Some(Observed::standing(id(vpc, set), Tags::new(), spec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vpc_told_default_has_no_association() {
        let vpc = |set: &str| SdkVpc::builder().vpc_id("vpc-1").dhcp_options_id(set).build();
        assert_eq!(of_vpc(&vpc("dopt-1")).unwrap().id, "vpc-1 dopt-1");
        assert_eq!(of_vpc(&vpc("default")), None);
    }
}
