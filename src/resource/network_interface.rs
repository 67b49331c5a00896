//! A network interface that belongs to nothing else that is listed: one that an instance left behind, or somebody
//! else's. Those of endpoints, resolvers, NAT gateways and instances are part of them. Output `attached_to`: the instance that has it.

use aws_sdk_ec2::types::{Filter, NetworkInterface as SdkNetworkInterface};
use serde::{Deserialize, Serialize};

use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::{Creation, Kind, Observed, Operations, Ref, Resource, Seconds, Set, ec2};
use crate::aws::{Aws, Class, Failure};

/// What a network interface is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkInterface {
    /// The subnet it is in.
    pub subnet: Ref<Subnet>,
    /// Its groups.
    pub security_groups: Set<Ref<SecurityGroup>>,
    /// What it is for; what AWS makes is named here.
    pub description: String,
}

/// How Lambda describes an interface of a function; then come its name, a hyphen and a UUID.
const OF_FUNCTION: &str = "AWS Lambda VPC ENI-";
/// The length of a hyphen and a UUID.
const UUID: usize = 37;

impl NetworkInterface {
    /// The function that Lambda made it for, as its description says.
    pub fn function(&self) -> Option<&str> {
        let named = self.description.strip_prefix(OF_FUNCTION)?;
        named.get(..named.len().checked_sub(UUID)?)
    }
}

impl Resource for NetworkInterface {
    const OWNERS: &'static [&'static str] = &["subnet"];
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateNetworkInterface",
        change: "ModifyNetworkInterfaceAttribute",
        delete: "DeleteNetworkInterface",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    /// Lambda lets go of its interfaces in the name of the function's role: without it they stay longer.
    fn needs(&self) -> &'static [Kind] {
        if self.function().is_some() { &[Kind::Role, Kind::RolePolicy, Kind::RolePolicyAttachment] } else { &[] }
    }

    async fn create(&self, _aws: &Aws, _with: &Creation) -> Result<Observed, Failure> {
        Err(Failure::here("CreateNetworkInterface", Class::Wrong, "no lab has a network interface of its own"))
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        let call = || aws.ec2.delete_network_interface().network_interface_id(&observed.id).send();
        aws.write("ec2", "DeleteNetworkInterface", call).await.map(drop)
    }
}

pub(super) fn read(interface: &SdkNetworkInterface) -> Option<Observed> {
    let spec = NetworkInterface {
        subnet: Ref::known(interface.subnet_id()?),
        security_groups: interface.groups().iter().filter_map(|group| group.group_id()).map(Ref::known).collect(),
        description: interface.description().unwrap_or_default().to_owned(),
    };
    let id = interface.network_interface_id()?;
    let mut observed = Observed::standing(id, ec2::read_tags(interface.tag_set()), spec);
    if let Some(status) = interface.status() {
        observed.state = status.as_str().to_lowercase();
    }
    let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
    observed.outputs.extend(instance.map(|id| ("attached_to".to_owned(), id.to_owned())));
    Some(observed)
}

/// All interfaces that these filters let through, those of other resources among them.
pub(super) async fn pages(aws: &Aws, filters: Vec<Filter>) -> Result<Vec<SdkNetworkInterface>, Failure> {
    aws.read_pages("ec2", "DescribeNetworkInterfaces", |next| {
        let call = aws.ec2.describe_network_interfaces().set_filters(Some(filters.clone())).max_results(1000);
        async {
            let page = call.set_next_token(next).send().await;
            page.map(|page| (page.network_interfaces.unwrap_or_default(), page.next_token))
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_says_which_function_an_interface_is_for() {
        let described = |description: &str| NetworkInterface {
            subnet: Ref::known("subnet-1"),
            security_groups: Set::default(),
            description: description.to_owned(),
        };
        let lambdas = described("AWS Lambda VPC ENI-breezeway-demo-presign-8b5ae0cc-4e3e-4c5a-9d6b-0c6f7c1b2a3d");
        assert_eq!(lambdas.function(), Some("breezeway-demo-presign"));
        assert_eq!(described("AWS Lambda VPC ENI-x").function(), None);
        assert_eq!(described("VPC Endpoint Interface vpce-1").function(), None);
    }
}
