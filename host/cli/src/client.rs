//! The client of the HTTP API.

use serde_json::Value;

use crate::exit::Failure;
use crate::limits::ANSWER_BYTES_MAX;

/// A client of one server.
pub(crate) struct Client {
    base: String,
    /// What every request is about: `branch=..&at=..`.
    scope: String,
    /// API token.
    token: Option<String>,
    agent: ureq::Agent,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let base = base.trim_end_matches('/').to_owned();
        Self { base, scope: String::new(), token: None, agent: config.into() }
    }

    /// The same client for a branch and a moment of the past.
    pub(crate) fn scoped(mut self, branch: Option<&str>, at: Option<&str>) -> Self {
        let given = [("branch", branch), ("at", at)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let given: Vec<String> =
            given.map(|(name, value)| format!("{name}={}", part(value))).collect();
        self.scope = given.join("&");
        self
    }

    /// The same client with an API token.
    pub(crate) fn by(mut self, token: Option<String>) -> Self {
        self.token = token;
        self
    }

    /// The request with the token, where there is one.
    fn proven<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("x-infrahub-key", token),
            None => request,
        }
    }

    fn address(&self, path: &str) -> String {
        let mark = match (self.scope.is_empty(), path.contains('?')) {
            (true, _) => "",
            (false, false) => "?",
            (false, true) => "&",
        };
        format!("{}{path}{mark}{}", self.base, self.scope)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        let sent = self.proven(self.agent.get(self.address(path))).call();
        self.read(sent)
    }

    /// The text of an answer that may be anything.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, Failure> {
        let sent = self.proven(self.agent.get(self.address(path))).call();
        self.text(sent)
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let sent = self.proven(self.agent.delete(self.address(path))).call();
        self.read(sent)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let sent = self.proven(self.agent.post(self.address(path))).send_json(body);
        self.read(sent)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let sent = self.proven(self.agent.put(self.address(path))).send_json(body);
        self.read(sent)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let sent = self.proven(self.agent.patch(self.address(path))).send_json(body);
        self.read(sent)
    }

    pub(crate) fn upload(&self, path: &str, bytes: &[u8]) -> Result<Value, Failure> {
        let sent = self
            .proven(self.agent.put(self.address(path)))
            .content_type("application/wasm")
            .send(bytes);
        self.read(sent)
    }

    pub(crate) fn post_bytes(&self, path: &str, bytes: &[u8]) -> Result<Value, Failure> {
        let sent = self
            .proven(self.agent.post(self.address(path)))
            .content_type("application/wasm")
            .send(bytes);
        self.read(sent)
    }

    fn read(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Failure> {
        let body = self.text(sent)?;
        Ok(serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    fn text(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<String, Failure> {
        let unreachable = |bad: ureq::Error| {
            Failure::Unreachable(format!("{} does not answer: {bad}", self.base))
        };
        let mut response = sent.map_err(unreachable)?;
        let failed = !response.status().is_success();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string()
            .map_err(unreachable)?;
        if !failed {
            return Ok(body);
        }
        let json: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        let error = &json["errors"][0];
        let details = error["extensions"]["details"].as_array().into_iter().flatten();
        Err(Failure::Refused {
            code: error["extensions"]["code"].as_str().unwrap_or("refused").to_owned(),
            message: error["message"].as_str().unwrap_or("the server refused").to_owned(),
            details: details.filter_map(|d| d.as_str().map(str::to_owned)).collect(),
        })
    }
}

/// A part of a path, with everything escaped that is not plain.
pub(crate) fn part(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
