use serde_json::{Value, json};

use super::*;
use crate::model::policy::Policy;
use crate::sandbox::wire;
use crate::sandbox::world::Durations;

const ACCOUNT: &str = "111122223333";

/// An account in which somebody may do everything, and somebody else what a policy says.
struct Account {
    world: World,
    moment: Moment,
}

impl Account {
    fn new() -> Self {
        let moment = Moment { now: "2026-01-01T00:00:00Z".parse().unwrap(), durations: Durations::Instant };
        Self { world: World::new(1), moment }
    }

    fn ok(&mut self, service: &str, operation: &str, input: Value) -> Value {
        self.world.handle(&self.moment, &call(service, operation, input)).unwrap()
    }

    fn vpc(&mut self, tags: Value) -> String {
        let tags = json!([{"ResourceType": "vpc", "Tags": tags}]);
        let made = self.ok("ec2", "CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags}));
        text(&made["Vpc"]["VpcId"])
    }

    fn subnet(&mut self, vpc: &str) -> String {
        let made = self.ok("ec2", "CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"}));
        text(&made["Subnet"]["SubnetId"])
    }

    /// What a call needs, a line each; the default Region and ids as they come left out.
    fn needs(&mut self, service: &str, operation: &str, input: Value) -> String {
        let needed = self.world.needed(&self.moment, &call(service, operation, input)).unwrap();
        let key = |(key, values): (&String, &Vec<String>)| format!("\n  {key} = {}", values.join(", "));
        let line = |one: &Needed| {
            let keys: String = one.keys.iter().filter(|(key, _)| *key != "ec2:Region").map(key).collect();
            format!("{} on {}{keys}", one.action, one.resource)
        };
        needed.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Whether a person with these statements may make a call; the denial if not.
    fn may(&mut self, statements: Value, service: &str, operation: &str, input: Value) -> Result<(), ApiError> {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let identity = vec![Policy::of_identity("Person", &document).unwrap()];
        let policies = Policies { identity, ..Policies::default() };
        self.world.authorize(&self.moment, &call(service, operation, input), &policies).map(drop)
    }
}

fn call(service: &str, operation: &str, input: Value) -> Call {
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "AKIDEXAMPLE".to_owned(),
        input,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

#[test]
fn every_operation_of_the_wire_is_known() {
    let mut account = Account::new();
    let unknown = wire::operations().into_iter().filter(|(service, operation)| {
        account.world.needed(&account.moment, &call(service, operation, json!({}))).is_none()
    });
    assert_eq!(unknown.collect::<Vec<_>>(), []);
}

#[test]
fn whoever_calls_may_ask_who_they_are_and_sign_in() {
    let mut account = Account::new();
    assert_eq!(account.may(json!([]), "sts", "GetCallerIdentity", json!({})), Ok(()));
    assert_eq!(account.may(json!([]), "cognito-idp", "InitiateAuth", json!({})), Ok(()));
}
