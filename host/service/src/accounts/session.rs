//! Sessions: a password becomes an access token, which is short-lived, and a refresh token that makes
//! new ones. Both are signed (RFC 7519, HS256) and end with the session's row.

use branch::{Ledger, is_password};
use chrono::{DateTime, Utc};
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{
    AlgorithmExt as _, Claims, Header, TimeOptions, UntrustedToken, ValidationError,
};
use model::{Digest, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::accounts::token::{TokenRow, What, digest};
use crate::accounts::{ACCOUNT, unauthenticated};
use crate::objects::find;
use crate::{Service, ServiceError};

pub use crate::limits::ACCESS_SECONDS_MAX as ACCESS_SECONDS;
pub use crate::limits::REFRESH_SECONDS_MAX as REFRESH_SECONDS;

/// What a login answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// For requests.
    pub access: String,
    /// For the next access token.
    pub refresh: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Use {
    Access,
    Refresh,
}

/// Our part of a token's claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    /// The account.
    sub: String,
    /// The session.
    session_id: String,
    r#use: Use,
}

/// A hash that no password has, compared with where there is no account: both take as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Service {
    /// Begins a session. The random bytes name it.
    pub fn login(
        &self,
        name: &str,
        password: &str,
        random: [u8; 32],
    ) -> Result<Signed, ServiceError> {
        let view = self.accounts_view()?;
        let account = find(&view, ACCOUNT, name).ok();
        let hash = account.as_ref().map(|account| account.value("password"));
        let hash = hash.as_ref().and_then(model::Value::as_text).unwrap_or(NOBODY);
        let fits = is_password(password, hash);
        let account =
            account.filter(|account| fits && account.value("status").as_text() != Some("inactive"));
        let Some(account) = account else {
            return Err(unauthenticated("the name or the password is wrong"));
        };
        let session = Digest(random).to_string();
        self.change(|draft| {
            let now = draft.now();
            let row = TokenRow {
                what: What::Session,
                id: self.database.environment().ids.next_id(now).0,
                account: account.id().0,
                name: String::new(),
                created: now.0,
                expires: Some(now.0 + REFRESH_SECONDS * 1_000_000),
            };
            Ok(draft.put_ledger(Ledger::Tokens, digest(&session), Some(row.encode()))?)
        })?;
        Ok(Signed {
            access: self.signed(account.id(), &session, Use::Access)?,
            refresh: self.signed(account.id(), &session, Use::Refresh)?,
        })
    }

    /// A new access token.
    pub fn refresh(&self, refresh: &str) -> Result<String, ServiceError> {
        let (account, session) = self.session_of(refresh, Use::Refresh)?;
        self.signed(account, &session, Use::Access)
    }

    /// Ends a session: its tokens are worth nothing from then on.
    pub fn logout(&self, access: &str) -> Result<(), ServiceError> {
        let (_, session) = self.session_of(access, Use::Access)?;
        self.change(|draft| Ok(draft.put_ledger(Ledger::Tokens, digest(&session), None)?))?;
        Ok(())
    }

    /// The account of an access token.
    pub(super) fn account_of_access(&self, access: &str) -> Result<ObjectId, ServiceError> {
        Ok(self.session_of(access, Use::Access)?.0)
    }

    fn signed(&self, account: ObjectId, session: &str, r#use: Use) -> Result<String, ServiceError> {
        let now = self.accounts_view()?.now();
        let seconds = if r#use == Use::Access { ACCESS_SECONDS } else { REFRESH_SECONDS };
        let claims = Session { sub: account.to_string(), session_id: session.to_owned(), r#use };
        let claims = Claims::new(claims)
            .set_duration_and_issuance(&moment(now), chrono::Duration::seconds(seconds));
        Hs256
            .token(&Header::empty(), &claims, &self.signing_key())
            .map_err(|_bad| unauthenticated("no token could be signed"))
    }

    /// Account and session of a signed token that is worth something.
    fn session_of(&self, signed: &str, wanted: Use) -> Result<(ObjectId, String), ServiceError> {
        let forged = || unauthenticated("the token is not one of ours");
        let untrusted = UntrustedToken::new(signed).map_err(|_bad| forged())?;
        let token = Hs256
            .validator::<Session>(&self.signing_key())
            .validate(&untrusted)
            .map_err(|_bad| forged())?;
        let now = self.accounts_view()?.now();
        match token.claims().validate_expiration(&moment(now)) {
            Ok(_) => {}
            Err(ValidationError::Expired) => {
                // Published clients refresh on this very text.
                let message = "Expired Signature".to_owned();
                return Err(ServiceError::Unauthenticated { code: "TOKEN_EXPIRED", message });
            }
            Err(_other) => return Err(forged()),
        }
        let claims = &token.claims().custom;
        if claims.r#use != wanted {
            return Err(forged());
        }
        match self.token_row(&claims.session_id, What::Session)? {
            Some(row) => Ok((ObjectId(row.account), claims.session_id.clone())),
            None => Err(unauthenticated("the session has ended")),
        }
    }

    fn signing_key(&self) -> Hs256Key {
        Hs256Key::new(self.access.key)
    }
}

/// Our clock for the tokens' times; no leeway, there is one clock.
fn moment(now: Timestamp) -> TimeOptions<impl Fn() -> DateTime<Utc>> {
    let now = DateTime::from_timestamp_micros(now.0).unwrap_or_default();
    TimeOptions::new(chrono::Duration::zero(), move || now)
}
