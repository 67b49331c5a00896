//! A network interface that belongs to nothing else that is listed: one that an instance left behind, or somebody
//! else's. Those of endpoints, resolvers, NAT gateways and instances are part of them. Output `attached_to`: the instance that has it.

use aws_sdk_ec2::types::{Filter, NetworkInterface as SdkNetworkInterface};
use serde::{Deserialize, Serialize};

use super::security_group::SecurityGroup;
use super::subnet::Subnet;
use super::{Creation, Observed, Operations, Ref, Resource, Seconds, Set, ec2};
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

impl Resource for NetworkInterface {
    const OWNERS: &'static [&'static str] = &["subnet"];
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateNetworkInterface",
        change: "ModifyNetworkInterfaceAttribute",
        delete: "DeleteNetworkInterface",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

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
