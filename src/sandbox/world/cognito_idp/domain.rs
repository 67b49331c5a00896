//! Domains of the hosted sign-in pages: a prefix of Cognito's own domain.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{CognitoIdp, invalid};
use crate::sandbox::api::Answer;
use crate::sandbox::world::Context;

/// Words that no prefix may contain.
///
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html>
const RESERVED: [&str; 3] = ["aws", "amazon", "cognito"];

/// A pool's domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    pub name: String,
    managed_login_version: i64,
    distribution: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CreateDomain {
    domain: String,
    user_pool_id: String,
    managed_login_version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DescribeDomain {
    domain: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DeleteDomain {
    domain: String,
    user_pool_id: String,
}

impl CognitoIdp {
    pub(super) fn create_domain(&mut self, context: &mut Context<'_>, request: CreateDomain) -> Answer {
        self.pool(&request.user_pool_id)?;
        if let Some(word) = RESERVED.iter().find(|word| request.domain.contains(**word)) {
            return Err(invalid(format!("Domain cannot contain reserved word: {word}")));
        }
        if self.pools.values().flat_map(|pool| &pool.domain).any(|domain| domain.name == request.domain) {
            return Err(invalid("Domain already associated with another user pool."));
        }
        let pool = self.pool_mut(&request.user_pool_id)?;
        if pool.domain.is_some() {
            return Err(invalid("User pool already has a domain configured."));
        }
        let managed_login_version = request.managed_login_version.unwrap_or(1);
        let distribution = context.dice.string(b"abcdefghijklmnopqrstuvwxyz0123456789", 13);
        let distribution = format!("d{distribution}.cloudfront.net");
        pool.domain = Some(Domain { name: request.domain, managed_login_version, distribution });
        Ok(json!({"ManagedLoginVersion": managed_login_version}))
    }

    /// A domain that nobody has is described, as nothing.
    pub(super) fn describe_domain(&self, context: &Context<'_>, request: DescribeDomain) -> Answer {
        let mut domains = self.pools.iter().filter_map(|(id, pool)| Some((id, pool.domain.as_ref()?)));
        let Some((id, domain)) = domains.find(|(_, domain)| domain.name == request.domain) else {
            return Ok(json!({"DomainDescription": {}}));
        };
        Ok(json!({"DomainDescription": {
            "UserPoolId": id,
            "AWSAccountId": context.account,
            "Domain": domain.name,
            "CloudFrontDistribution": domain.distribution,
            "Status": "ACTIVE",
            "CustomDomainConfig": {},
            "ManagedLoginVersion": domain.managed_login_version,
        }}))
    }

    pub(super) fn delete_domain(&mut self, request: DeleteDomain) -> Answer {
        let pool = self.pool_mut(&request.user_pool_id)?;
        if pool.domain.as_ref().is_none_or(|domain| domain.name != request.domain) {
            return Err(invalid("No such domain or user pool exists."));
        }
        pool.domain = None;
        Ok(json!({}))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_pool_goes_after_its_domain() {
        let mut world = Sandbox::with_pool();
        let (pool, domain) = (json!({"UserPoolId": world.pool}), json!({"UserPoolId": world.pool, "Domain": "lab-1"}));
        world.ok("CreateUserPoolDomain", domain.clone());
        assert_eq!(world.ok("DescribeUserPool", pool.clone())["UserPool"]["Domain"], "lab-1");
        let refusal = world.call("DeleteUserPool", pool.clone()).unwrap_err();
        assert_eq!(refusal.code, "InvalidParameterException");
        assert_eq!(
            refusal.message,
            "User pool cannot be deleted. It has a domain configured that should be deleted first."
        );
        world.ok("DeleteUserPoolDomain", domain);
        world.ok("DeleteUserPool", pool);
    }

    #[test]
    fn a_domain_is_described_and_one_that_nobody_has_is_nothing() {
        let mut world = Sandbox::with_pool();
        world.ok("CreateUserPoolDomain", json!({"UserPoolId": world.pool, "Domain": "lab-1"}));
        let described = world.ok("DescribeUserPoolDomain", json!({"Domain": "lab-1"}));
        assert_eq!(described["DomainDescription"]["UserPoolId"], world.pool.as_str());
        assert_eq!(described["DomainDescription"]["Status"], "ACTIVE");
        assert_eq!(world.ok("DescribeUserPoolDomain", json!({"Domain": "none"})), json!({"DomainDescription": {}}));
    }

    #[test]
    fn a_domain_has_one_pool_and_a_pool_one_domain() {
        let mut world = Sandbox::with_pool();
        let mine = world.pool.clone();
        let other = world.ok("CreateUserPool", json!({"PoolName": "o"}))["UserPool"]["Id"].take();
        world.ok("CreateUserPoolDomain", json!({"UserPoolId": mine, "Domain": "lab-1"}));
        for (operation, pool, domain) in [
            ("CreateUserPoolDomain", &other, "lab-1"),
            ("CreateUserPoolDomain", &json!(mine), "lab-2"),
            ("CreateUserPoolDomain", &other, "my-aws-lab"),
            ("DeleteUserPoolDomain", &other, "lab-1"),
        ] {
            let input = json!({"UserPoolId": pool, "Domain": domain});
            assert_eq!(world.refused(operation, input), "InvalidParameterException", "{operation} {domain}");
        }
    }
}
