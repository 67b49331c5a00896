//! A call, with the world that it is about.

use serde_json::{Value, json};

use super::needed::{Needed, Tags};
use crate::sandbox::api::Call;
use crate::sandbox::world::{Moment, World, partition};

/// A call, and what a reader is shown of the world.
pub struct Asked<'a> {
    world: &'a mut World,
    moment: &'a Moment,
    pub call: &'a Call,
}

impl<'a> Asked<'a> {
    pub fn new(world: &'a mut World, moment: &'a Moment, call: &'a Call) -> Self {
        Self { world, moment, call }
    }

    /// The operation's action, where it is called as the operation: `ec2:CreateVpc`.
    pub fn action(&self) -> String {
        format!("{}:{}", self.call.service, self.call.operation)
    }

    pub fn partition(&self) -> &'static str {
        partition(&self.call.region)
    }

    /// The ARN of a resource in the call's account and Region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Call { region, account, .. } = self.call;
        format!("arn:{}:{service}:{region}:{account}:{resource}", self.partition())
    }

    /// The ARN of something of IAM's in the call's account.
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition(), self.call.account)
    }

    /// The texts, numbers and truths at a path of the call's input, through lists too.
    pub fn said(&self, path: &str) -> Vec<String> {
        said(&self.call.input, path)
    }

    /// The first of them.
    pub fn first(&self, path: &str) -> Option<String> {
        self.said(path).into_iter().next()
    }

    pub fn has(&self, path: &str) -> bool {
        !self.said(path).is_empty()
    }

    /// A template for each of the values that its `{path}` has in the input; itself if it has none such.
    pub fn fill(&self, template: &str) -> Vec<String> {
        let Some((before, rest)) = template.split_once('{') else { return vec![template.to_owned()] };
        let Some((path, after)) = rest.split_once('}') else { return vec![template.to_owned()] };
        let tails = self.fill(after);
        let heads = self.said(path);
        heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{before}{head}{tail}"))).collect()
    }

    /// What a service answers to a reader in the call's place; nothing if it refuses.
    pub fn read(&mut self, service: &str, operation: &str, input: Value) -> Value {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            account: self.call.account.clone(),
            region: self.call.region.clone(),
            access_key: String::new(),
            input,
        };
        debug_assert!(call.is_read(), "{operation} would change the world");
        let answer = self.world.handle(self.moment, &call);
        debug_assert!(!answer.as_ref().is_err_and(|error| error.code == "NotImplemented"), "{answer:?}");
        answer.unwrap_or_default()
    }

    /// The tags in the call's input.
    pub fn tags(&self, member: &str) -> Tags {
        Tags::read(&self.call.input[member])
    }

    /// The permission to pass a role to a service: `ec2` stands for `ec2.amazonaws.com`. Nothing for what is no role's ARN.
    pub fn pass_role(&self, role: &str, service: &str) -> Option<Needed> {
        let is_role = role.split(':').nth(5).is_some_and(|resource| resource.starts_with("role/"));
        // Most services have this name in all partitions, but EC2 has its partition's.
        let suffix =
            if service == "ec2" && self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let passed = || Needed::new("iam:PassRole", role).with("iam:PassedToService", [format!("{service}.{suffix}")]);
        is_role.then(passed)
    }

    /// The permissions to describe what EC2 has, which can't be limited to any of it.
    pub fn described(&self, what: &[&str]) -> Vec<Needed> {
        let one = |what: &&str| {
            Needed::new(format!("ec2:Describe{what}"), "*").with("ec2:Region", [self.call.region.as_str()])
        };
        what.iter().map(one).collect()
    }

    /// The tags of a resource of which a reader is told them as `member` of an answer.
    pub fn tags_of(&mut self, operation: &str, input: Value, member: &str) -> Tags {
        let service = self.call.service.clone();
        Tags::read(&self.read(&service, operation, input)[member])
    }

    /// The things of EC2 that a filter finds.
    pub fn find(&mut self, operation: &str, list: &str, filter: &str, value: &str) -> Vec<Value> {
        let input = json!({"Filters": [{"Name": filter, "Values": [value]}]});
        items(&self.read("ec2", operation, input), list).into_iter().cloned().collect()
    }
}

/// The texts, numbers and truths at a path, through lists too.
pub fn said(value: &Value, path: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    items(value, path).into_iter().filter_map(text).collect()
}

/// The values at a path, through lists too.
pub fn items<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(|item| self::items(item, path)).collect(),
        Value::Null => Vec::new(),
        value if path.is_empty() => vec![value],
        value => {
            let (member, rest) = path.split_once('.').unwrap_or((path, ""));
            items(&value[member], rest)
        }
    }
}
