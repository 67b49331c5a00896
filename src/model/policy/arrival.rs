//! By which way a request comes in at a service, and what AWS knows of it by that.

use std::net::Ipv4Addr;

use super::{Decision, Malformed, Policies, Policy, Request, evaluate};

/// How a request comes in at a service.
#[derive(Debug, Clone)]
pub enum Arrival {
    /// Through a VPC endpoint.
    Endpoint(Door),
    /// At the public front, from this address.
    Front(Ipv4Addr),
}

/// A VPC endpoint that a request passes.
#[derive(Debug, Clone)]
pub struct Door {
    /// Its id.
    pub id: String,
    /// The id of the VPC it stands in.
    pub vpc: String,
    /// The full name of its service: `com.amazonaws.us-east-1.execute-api`.
    pub service: String,
    /// Its policy.
    pub policy: String,
    /// The private address that the request is from.
    pub source: Ipv4Addr,
}

impl Arrival {
    /// The request with what AWS knows of its way.
    pub fn tell(&self, request: Request) -> Request {
        let request = request.with("aws:SecureTransport", &["true"]);
        match self {
            Self::Endpoint(Door { id, vpc, source, .. }) => request
                .with("aws:SourceVpce", &[id])
                .with("aws:SourceVpc", &[vpc])
                .with("aws:VpcSourceIp", &[&source.to_string()]),
            Self::Front(source) => request.with("aws:SourceIp", &[&source.to_string()]),
        }
    }

    /// Whether a request that comes in here is allowed by these policies and the endpoint's own.
    ///
    /// # Errors
    /// The endpoint's policy can't be read.
    pub fn judge(&self, request: Request, mut policies: Policies) -> Result<Decision, Malformed> {
        if let Self::Endpoint(Door { id, policy, .. }) = self {
            policies.endpoint = Some(Policy::of_resource(id, policy)?);
        }
        Ok(evaluate(&self.tell(request), &policies))
    }
}
