//! `r2creds parent`: the key pair that belongs to an API token.

use std::io::{IsTerminal, stdout};

use r2creds::{RequestOptions, TokenKind};

use crate::failure::Failure;
use crate::formats;
use crate::mint::{Call, Reach};
use crate::options::Given;

/// `export` lines, for a shell's eval.
pub fn run(given: &Given<'_>) -> Result<String, Failure> {
    if stdout().is_terminal() && !given.flag("show") {
        return Err(Failure::usage(
            "standard output is a terminal, and a secret would stand on it; use eval \"$(...)\", or --show",
        ));
    }
    let Some(account_id) = given.text_or_variable("account_id")? else {
        return Err(Failure::usage("missing: --account-id or CLOUDFLARE_ACCOUNT_ID"));
    };
    let client = Reach::read(given)?.client()?;
    let call = Call::read(given)?;
    let parent = call.run(|options: &RequestOptions<'_>| client.parent_of_token(&account_id, options))?;
    if parent.token_status() != "active" {
        let of = if parent.kind() == TokenKind::Account { "account" } else { "user" };
        let status = parent.token_status();
        return Err(Failure::new(1, format!("the {of}'s token is {status}, and makes no credentials; make another")));
    }
    let variables = [
        ("R2_PARENT_ACCESS_KEY_ID", parent.access_key_id().to_owned()),
        ("R2_PARENT_SECRET_ACCESS_KEY", parent.secret_access_key().to_owned()),
    ];
    Ok(formats::lines(&variables, "export ", formats::quoted))
}
