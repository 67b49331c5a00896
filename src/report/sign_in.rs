//! How users of a lab's own pool get a password.

use super::text::shell_word;

/// What stands in a command where people put a password that they chose.
const PLACEHOLDER: &str = "PASSWORD";

/// The AWS CLI command by which an administrator gives a user a password; it has a placeholder for it.
pub fn set_password_command(pool: &str, user: &str) -> String {
    let (pool, user) = (shell_word(pool), shell_word(user));
    format!(
        "aws cognito-idp admin-set-user-password --user-pool-id {pool} --username {user} --password '{PLACEHOLDER}' \
         --permanent"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_for_people_to_choose() {
        let command = set_password_command("eu-west-1_AbCdEf123", "alice");
        assert!(
            command.ends_with("--user-pool-id eu-west-1_AbCdEf123 --username alice --password 'PASSWORD' --permanent")
        );
        // Cognito takes all of these in a name.
        let command = set_password_command("eu-west-1_AbCdEf123", "$(it's;me)");
        assert!(command.contains(r"--username '$(it'\''s;me)' --password"), "{command}");
    }
}
