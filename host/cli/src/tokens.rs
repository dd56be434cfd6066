//! API tokens.

use serde_json::json;

use crate::args::Token;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::Output;

pub(crate) fn run(client: &Client, token: &Token, output: Output) -> Result<Exit, Failure> {
    match token {
        Token::List => {
            let list = client.get("/api/tokens")?;
            if output.json {
                output.value(&list);
            }
            for token in list["tokens"].as_array().into_iter().flatten() {
                let text = |name: &str| token[name].as_str().unwrap_or("-").to_owned();
                output.line(&format!(
                    "{}  {}  {}  until {}",
                    text("id"),
                    text("account"),
                    text("name"),
                    text("expires_at")
                ));
            }
        }
        Token::Create { account, name, expires_in } => {
            let body = json!({
                "account": account, "name": name, "expires_in_seconds": expires_in,
            });
            let made = client.post("/api/tokens", &body)?;
            if output.json {
                output.value(&made);
            }
            output.line(made["token"].as_str().unwrap_or_default());
        }
        Token::Delete { id } => {
            client.delete(&format!("/api/tokens/{id}"))?;
            output.line(&format!("{id} is worth nothing any more"));
        }
    }
    Ok(Exit::Done)
}
