//! AWS's request rates: token buckets on the world's clock.

use super::api::Call;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// The buckets that were drawn from, each by account, Region, service and what shares it.
#[derive(Debug, Clone, Default)]
pub struct Throttle {
    buckets: BTreeMap<(String, String, String, String), Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// What a bucket holds at most, and how much flows in each second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    capacity: f64,
    refill: f64,
}

impl Throttle {
    /// Draws a token for the call from each of its buckets. False: the call is over a limit, and draws none.
    pub fn admits(&mut self, call: &Call, now: Timestamp) -> bool {
        // Route 53 is one for all Regions.
        let region = if call.service == "route53" { "" } else { &call.region };
        let mut drawn = Vec::new();
        for (shared_by, rate) in rates_of(call) {
            let key = (call.account.clone(), region.to_owned(), call.service.clone(), shared_by.to_owned());
            let tokens = self.buckets.get(&key).map_or(rate.capacity, |bucket| bucket.tokens_at(now, rate));
            drawn.push((key, Bucket { tokens: tokens - 1.0, at: now }));
        }
        let admitted = drawn.iter().all(|(_, bucket)| bucket.tokens >= 0.0);
        if admitted {
            self.buckets.extend(drawn);
        }
        admitted
    }
}

impl Bucket {
    fn tokens_at(&self, now: Timestamp, rate: Rate) -> f64 {
        let elapsed = now.duration_since(self.at).as_secs_f64().max(0.0);
        (self.tokens + elapsed * rate.refill).min(rate.capacity)
    }
}

/// The buckets a call draws from, each by the name of what shares it, and their rates; none where AWS publishes none.
fn rates_of(call: &Call) -> Vec<(&str, Rate)> {
    let operation = call.operation.as_str();
    let rates: &[(&str, f64, f64)] = match call.service.as_str() {
        "ec2" => {
            let (capacity, refill) = match operation {
                "CreateVpcEndpoint" | "ModifyVpcEndpoint" | "DeleteVpcEndpoints" => (4.0, 0.3),
                "CreateNatGateway" | "DeleteNatGateway" => (10.0, 1.0),
                "RunInstances" => (5.0, 2.0),
                "TerminateInstances" => (100.0, 5.0),
                "CreateTags" | "DeleteTags" => (100.0, 10.0),
                _ if call.is_read() && asks_for_everything(&call.input) => (50.0, 10.0),
                _ if call.is_read() => (100.0, 20.0),
                _ if operation.contains("NetworkInterface") => (100.0, 5.0),
                _ => (50.0, 5.0),
            };
            &[(operation, capacity, refill)]
        }
        "apigateway" => {
            let all = ("all", 40.0, 10.0);
            match operation {
                "CreateRestApi" if is_edge_optimised(&call.input) => &[("edge-optimised APIs", 1.0, 1.0 / 30.0), all],
                "CreateRestApi" => &[(operation, 1.0, 1.0 / 3.0), all],
                "DeleteRestApi" => &[(operation, 1.0, 1.0 / 30.0), all],
                "CreateDeployment" => &[(operation, 1.0, 1.0 / 5.0), all],
                "CreateResource" | "DeleteResource" => &[(operation, 5.0, 5.0), all],
                "GetResources" => &[(operation, 5.0, 2.5), all],
                _ => &[all],
            }
        }
        "lambda" => match operation {
            "Invoke" => &[],
            "GetFunction" => &[(operation, 100.0, 100.0)],
            "GetPolicy" => &[(operation, 15.0, 15.0)],
            _ => &[("all", 15.0, 15.0)],
        },
        "route53" | "route53resolver" => &[("all", 5.0, 5.0)],
        "ssm" if call.is_read() => &[("reads", 40.0, 40.0)],
        "ssm" => &[("writes", 3.0, 3.0)],
        _ => &[],
    };
    rates.iter().map(|&(shared_by, capacity, refill)| (shared_by, Rate { capacity, refill })).collect()
}

/// Neither filtered nor paged: EC2 gives such calls less.
fn asks_for_everything(input: &Value) -> bool {
    input.as_object().is_none_or(|members| members.keys().all(|key| key == "DryRun"))
}

/// API Gateway makes such an API unless it is told otherwise.
fn is_edge_optimised(input: &Value) -> bool {
    let types = input["endpointConfiguration"]["types"].as_array();
    types.is_none_or(|types| types.iter().any(|wanted| wanted == "EDGE"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use serde_json::json;

    fn call(service: &str, operation: &str, input: Value) -> Call {
        Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "111122223333".to_owned(),
            input,
        }
    }

    /// How many of these calls pass at once.
    fn burst(throttle: &mut Throttle, call: &Call, now: Timestamp) -> usize {
        (0..1000).take_while(|_| throttle.admits(call, now)).count()
    }

    #[test]
    fn a_bucket_empties_and_refills() {
        let mut throttle = Throttle::default();
        let start = Timestamp::UNIX_EPOCH;
        let endpoint = call("ec2", "CreateVpcEndpoint", json!({}));
        assert_eq!(burst(&mut throttle, &endpoint, start), 4);
        assert_eq!(burst(&mut throttle, &endpoint, start + SignedDuration::from_secs(3)), 0);
        assert_eq!(burst(&mut throttle, &endpoint, start + SignedDuration::from_secs(4)), 1);
        assert_eq!(burst(&mut throttle, &endpoint, start + SignedDuration::from_hours(1)), 4);
    }

    #[test]
    fn ec2_counts_by_action_account_and_region() {
        let mut throttle = Throttle::default();
        let now = Timestamp::UNIX_EPOCH;
        let create = call("ec2", "CreateVpc", json!({}));
        assert_eq!(burst(&mut throttle, &create, now), 50);
        assert_eq!(burst(&mut throttle, &call("ec2", "CreateSubnet", json!({})), now), 50);
        assert_eq!(burst(&mut throttle, &Call { region: "eu-west-1".to_owned(), ..create.clone() }, now), 50);
        assert_eq!(burst(&mut throttle, &Call { account: "444455556666".to_owned(), ..create }, now), 50);
    }

    #[test]
    fn a_describe_of_everything_gets_less_than_a_filtered_one() {
        let now = Timestamp::UNIX_EPOCH;
        let all = call("ec2", "DescribeVpcs", json!({}));
        let some = call("ec2", "DescribeVpcs", json!({ "Filters": [] }));
        assert_eq!(burst(&mut Throttle::default(), &all, now), 50);
        assert_eq!(burst(&mut Throttle::default(), &some, now), 100);
    }

    #[test]
    fn the_resolver_shares_one_bucket_and_polls_draw_from_it_too() {
        let mut throttle = Throttle::default();
        let start = Timestamp::UNIX_EPOCH;
        let get = call("route53resolver", "GetResolverEndpoint", json!({}));
        assert_eq!(burst(&mut throttle, &call("route53resolver", "ListResolverEndpoints", json!({})), start), 5);
        assert_eq!(burst(&mut throttle, &get, start), 0);
        assert_eq!(burst(&mut throttle, &get, start + SignedDuration::from_secs(1)), 5);
    }

    #[test]
    fn api_gateway_has_a_bucket_for_all_and_smaller_ones_within() {
        let start = Timestamp::UNIX_EPOCH;
        for (operation, capacity, refill) in [
            ("CreateRestApi", 1, 30),
            ("DeleteRestApi", 1, 30),
            ("CreateDeployment", 1, 5),
            ("CreateResource", 5, 1),
            ("DeleteResource", 5, 1),
            ("GetResources", 5, 2),
            ("PutMethod", 40, 4),
        ] {
            let (mut throttle, call) = (Throttle::default(), call("apigateway", operation, json!({})));
            assert_eq!(burst(&mut throttle, &call, start), capacity, "{operation}");
            assert_eq!(burst(&mut throttle, &call, start + SignedDuration::from_secs(refill)), capacity, "{operation}");
        }
        let mut throttle = Throttle::default();
        assert_eq!(burst(&mut throttle, &call("apigateway", "CreateResource", json!({})), start), 5);
        assert_eq!(burst(&mut throttle, &call("apigateway", "GetStage", json!({})), start), 35);
        assert_eq!(burst(&mut throttle, &call("apigateway", "CreateRestApi", json!({})), start), 0);
    }

    #[test]
    fn edge_optimised_apis_have_a_bucket_of_their_own() {
        let (mut throttle, start) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let create =
            |configuration| call("apigateway", "CreateRestApi", json!({"endpointConfiguration": configuration}));
        let (edge, private) = (create(json!({})), create(json!({"types": ["PRIVATE"]})));
        assert_eq!((burst(&mut throttle, &edge, start), burst(&mut throttle, &private, start)), (1, 1));
        let soon = start + SignedDuration::from_secs(3);
        assert_eq!((burst(&mut throttle, &edge, soon), burst(&mut throttle, &private, soon)), (0, 1));
        assert_eq!(burst(&mut throttle, &edge, start + SignedDuration::from_secs(30)), 1);
    }

    #[test]
    fn lambda_shares_one_bucket_but_for_invocations_and_two_reads() {
        let (mut throttle, now) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        for (operation, passes) in
            [("CreateFunction", 15), ("ListFunctions", 0), ("GetPolicy", 15), ("GetFunction", 100), ("Invoke", 1000)]
        {
            assert_eq!(burst(&mut throttle, &call("lambda", operation, json!({})), now), passes, "{operation}");
        }
    }

    #[test]
    fn route_53_shares_one_bucket_in_all_regions() {
        let (mut throttle, now) = (Throttle::default(), Timestamp::UNIX_EPOCH);
        let list = call("route53", "ListHostedZones", json!({}));
        assert_eq!(burst(&mut throttle, &list, now), 5);
        assert_eq!(burst(&mut throttle, &Call { region: "eu-west-1".to_owned(), ..list.clone() }, now), 0);
        assert_eq!(burst(&mut throttle, &Call { account: "444455556666".to_owned(), ..list }, now), 5);
    }

    #[test]
    fn ssm_shares_its_buckets_and_iam_has_none() {
        let mut throttle = Throttle::default();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(burst(&mut throttle, &call("ssm", "PutParameter", json!({})), now), 3);
        assert_eq!(burst(&mut throttle, &call("ssm", "DeleteParameter", json!({})), now), 0);
        assert_eq!(burst(&mut throttle, &call("ssm", "GetParameter", json!({})), now), 40);
        assert_eq!(burst(&mut throttle, &call("iam", "CreateRole", json!({})), now), 1000);
    }
}
