//! What an instance writes to its console.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::super::network_interface::private_dns_name;
use super::super::{Ec2, Input, Operation};
use super::{Instance, KIND, types};
use crate::sandbox::api::{Answer, ApiError};
use crate::sandbox::world::Context;

pub const OPERATIONS: &[Operation] =
    &[Operation { name: "GetConsoleOutput", members: &["InstanceId", "Latest"], run: Ec2::get_console_output }];

impl Ec2 {
    fn get_console_output(&mut self, context: &mut Context<'_>, input: Input<'_>) -> Answer {
        let id = input.required("InstanceId")?;
        let instance = KIND.find(&self.instances, id)?;
        let is_nitro = types::find(&instance.instance_type).is_ok_and(|own| own.is_nitro());
        if input.flag("Latest") && !is_nitro {
            let message = "This instance type does not support retrieving the latest console logs.";
            return Err(ApiError::new("UnsupportedOperation", message));
        }
        let booted = instance.checked_at <= context.now;
        let output = if booted { self.console(context, id, instance) } else { String::new() };
        let at = if booted { instance.checked_at } else { instance.launched };
        Ok(json!({"InstanceId": id, "Output": BASE64.encode(output), "Timestamp": at}))
    }

    /// The last lines that the system has written when it is up.
    fn console(&self, context: &Context<'_>, id: &str, instance: &Instance) -> String {
        if instance.windows {
            let at = instance.checked_at.strftime("%Y/%m/%d %H:%M:%SZ");
            return format!("{at}: Message: Windows is Ready to use\r\n");
        }
        let primary = self.primary_interface_id(id).and_then(|id| self.network_interfaces.get(&id));
        let name = primary.map(|interface| private_dns_name(context, interface.private_ip));
        let host = name.as_deref().and_then(|name| name.split('.').next()).unwrap_or("localhost");
        format!("Amazon Linux\r\n\r\n{host} login: ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::*;
    use super::*;

    #[test]
    fn a_console_says_nothing_until_the_instance_is_up() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let linux = world.launch(&subnet, json!({"PrivateIpAddress": "10.0.1.10"}));
        let windows = world.launch(&subnet, json!({"ImageId": world.windows()}));
        let output = |world: &mut Sandbox, id: &str| {
            let answer = world.ok("GetConsoleOutput", json!({"InstanceId": id}));
            String::from_utf8(BASE64.decode(answer["Output"].as_str().unwrap()).unwrap()).unwrap()
        };
        assert_eq!(output(&mut world, &linux), "");
        world.wait(600);
        assert!(output(&mut world, &linux).ends_with("ip-10-0-1-10 login: "));
        assert!(output(&mut world, &windows).contains("Windows is Ready to use"));
        let unknown = json!({"InstanceId": "i-0123456789abcdef0"});
        assert_eq!(world.refused("GetConsoleOutput", unknown), "InvalidInstanceID.NotFound");
    }

    #[test]
    fn only_nitro_has_the_latest_output() {
        let mut world = Sandbox::new();
        let vpc = world.vpc("10.0.0.0/16");
        let subnet = world.subnet(&vpc, "10.0.1.0/24");
        let xen = world.launch(&subnet, json!({"InstanceType": "t2.micro"}));
        let nitro = world.launch(&subnet, json!({}));
        let latest = |id: &str| json!({"InstanceId": id, "Latest": true});
        assert_eq!(world.refused("GetConsoleOutput", latest(&xen)), "UnsupportedOperation");
        world.ok("GetConsoleOutput", latest(&nitro));
    }
}
