//! An internet gateway: <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html>.

use aws_sdk_ec2::types::{InternetGateway as SdkInternetGateway, ResourceType};
use serde::{Deserialize, Serialize};

use super::vpc::Vpc;
use super::{Creation, Listing, Observed, Operations, Query, Ref, Resource, Seconds, Spec, ec2};
use crate::aws::{Aws, Class, Failure};

/// What an internet gateway is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternetGateway {
    /// The VPC it is attached to; none when it is attached to nothing.
    pub vpc: Option<Ref<Vpc>>,
}

impl Resource for InternetGateway {
    const IN_PLACE: &'static [&'static str] = &["vpc"];
    const OWNERS: &'static [&'static str] = &["vpc"];
    /// It lives without a VPC: one without the lab's tag may be somebody else's, attached where the lab's is missing.
    const ROOT: bool = true;
    const OPERATIONS: Operations = Operations {
        service: "ec2",
        create: "CreateInternetGateway",
        change: "AttachInternetGateway",
        delete: "DeleteInternetGateway",
    };
    const SECONDS: Seconds = Seconds { create: 1.0, delete: 1.0 };

    /// A VPC has one gateway at most.
    fn natural_key(&self) -> Option<String> {
        self.vpc.as_ref().map(Ref::text)
    }

    fn as_created(&self) -> Self {
        Self { vpc: None }
    }

    async fn create(&self, aws: &Aws, with: &Creation) -> Result<Observed, Failure> {
        let tags = ec2::tag_specification(ResourceType::InternetGateway, &with.tags);
        let answer = aws
            .write("ec2", "CreateInternetGateway", || {
                let call = aws.ec2.create_internet_gateway();
                call.set_tag_specifications(tags.clone().map(|tags| vec![tags])).send()
            })
            .await?;
        answer.internet_gateway().and_then(read).ok_or_else(|| {
            Failure::here("CreateInternetGateway", Class::UnknownOutcome, "no internet gateway in the answer")
        })
    }

    async fn complete(&self, aws: &Aws, id: &str) -> Result<(), Failure> {
        match &self.vpc {
            Some(vpc) => attach(aws, id, vpc.id()?).await,
            None => Ok(()),
        }
    }

    async fn change(&self, aws: &Aws, from: &Observed) -> Result<(), Failure> {
        if let Some(vpc) = attached_to(from).filter(|_| attached_to(from) != self.vpc.as_ref()) {
            detach(aws, &from.id, vpc.id()?).await?;
        }
        self.complete(aws, &from.id).await
    }

    async fn delete(aws: &Aws, observed: &Observed) -> Result<(), Failure> {
        if let Some(vpc) = attached_to(observed) {
            detach(aws, &observed.id, vpc.id()?).await?;
        }
        let call = || aws.ec2.delete_internet_gateway().internet_gateway_id(&observed.id).send();
        match aws.write("ec2", "DeleteInternetGateway", call).await {
            // It was attached since it was looked at: detached now, it goes at the next attempt.
            Err(failure) if failure.class == Class::InUse => {
                for gateway in list(aws, &Query::Ids(vec![observed.id.clone()])).await?.found {
                    if let Some(vpc) = attached_to(&gateway) {
                        detach(aws, &gateway.id, vpc.id()?).await?;
                    }
                }
                Err(failure)
            }
            answer => answer.map(drop),
        }
    }
}

fn attached_to(observed: &Observed) -> Option<&Ref<Vpc>> {
    match &observed.spec {
        Spec::InternetGateway(gateway) => gateway.vpc.as_ref(),
        _ => None,
    }
}

/// Attaching what is attached is refused, wherever it is attached: then the gateway says where.
async fn attach(aws: &Aws, id: &str, vpc: &str) -> Result<(), Failure> {
    let call = || aws.ec2.attach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send();
    match aws.write("ec2", "AttachInternetGateway", call).await {
        Err(failure) if failure.class == Class::AlreadySo => {
            let listing = list(aws, &Query::Ids(vec![id.to_owned()])).await?;
            let here = listing.found.iter().filter_map(attached_to).any(|attached| *attached == Ref::known(vpc));
            if here { Ok(()) } else { Err(Failure { class: Class::InUse, ..failure }) }
        }
        answer => answer.map(drop),
    }
}

/// Detaching is refused while the VPC has public addresses; what isn't attached is as it should be.
async fn detach(aws: &Aws, id: &str, vpc: &str) -> Result<(), Failure> {
    let call = || aws.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send();
    match aws.write("ec2", "DetachInternetGateway", call).await {
        Err(failure) if failure.code == "Gateway.NotAttached" || failure.class == Class::NotFound => Ok(()),
        answer => answer.map(drop),
    }
}

fn read(gateway: &SdkInternetGateway) -> Option<Observed> {
    let attachments = gateway.attachments().iter();
    let mut attached = attachments
        .filter(|attachment| !attachment.state().is_some_and(|state| state.as_str().eq_ignore_ascii_case("detached")));
    let spec = InternetGateway { vpc: attached.find_map(|attachment| attachment.vpc_id()).map(Ref::known) };
    Some(Observed::standing(gateway.internet_gateway_id()?, ec2::read_tags(gateway.tags()), spec))
}

/// Lists internet gateways.
///
/// # Errors
/// A page could not be read.
pub async fn list(aws: &Aws, query: &Query) -> Result<Listing, Failure> {
    let filters = ec2::filters(query, "attachment.vpc-id", "internet-gateway-id");
    let gateways = aws
        .read_pages("ec2", "DescribeInternetGateways", |next| {
            let call = aws.ec2.describe_internet_gateways().set_filters(Some(filters.clone())).max_results(1000);
            async {
                let page = call.set_next_token(next).send().await;
                page.map(|page| (page.internet_gateways.unwrap_or_default(), page.next_token))
            }
        })
        .await?;
    Ok(Listing { found: gateways.iter().filter_map(read).collect(), ..Listing::default() })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{AttachmentStatus, InternetGatewayAttachment};

    use super::*;

    fn vpc_of(state: &str) -> Option<Option<Ref<Vpc>>> {
        let attachment = InternetGatewayAttachment::builder().state(AttachmentStatus::from(state)).vpc_id("vpc-1");
        let gateway = SdkInternetGateway::builder().internet_gateway_id("igw-1").attachments(attachment.build());
        read(&gateway.build()).map(|observed| attached_to(&observed).cloned())
    }

    #[test]
    fn a_gateway_stays_with_its_vpc_until_it_is_detached() {
        assert_eq!(vpc_of("available"), Some(Some(Ref::known("vpc-1"))));
        assert_eq!(vpc_of("detaching"), Some(Some(Ref::known("vpc-1"))));
        assert_eq!(vpc_of("detached"), Some(None));
    }
}
