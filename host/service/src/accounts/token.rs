//! API tokens and the rows of sessions: kept by digest, so that the store never holds what a client
//! sends. A token has 256 random bits, which need no salt and no slow hash.

use branch::{Draft, Ledger, LedgerOrder};
use model::permission::{GlobalAction, Place};
use model::{Digest, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::accounts::{ACCOUNT, unauthenticated};
use crate::objects::find;
use crate::{Service, ServiceError};

pub use crate::limits::TOKEN_NAME_BYTES_MAX as NAME_BYTES_MAX;
use crate::limits::TOKENS_LISTED_MAX as LISTED_MAX;
use crate::limits::{TOKEN_BYTES_MAX, TOKEN_BYTES_MIN};

/// A token as listings show it: never its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Identity, for taking it back.
    pub id: ObjectId,
    /// Name of the account.
    pub account: String,
    /// For people.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is worth nothing.
    pub expires: Option<Timestamp>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    Token,
    Session,
}

/// The layout of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TokenRow {
    pub(super) what: What,
    pub(super) id: u128,
    pub(super) account: u128,
    pub(super) name: String,
    pub(super) created: i64,
    pub(super) expires: Option<i64>,
}

/// The key of a row.
pub(super) fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

impl TokenRow {
    pub(super) fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).unwrap_or_default()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now.0)
    }
}

/// Whether a token may be called so, and be this text.
fn fits(name: &str, text: &str) -> Result<(), ServiceError> {
    if name.len() > NAME_BYTES_MAX {
        let message = format!("the name of a token has at most {NAME_BYTES_MAX} bytes");
        return Err(ServiceError::Request { code: "bad-token-name", message });
    }
    if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&text.len()) {
        let message = format!("a token has {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} bytes");
        return Err(ServiceError::Request { code: "bad-token", message });
    }
    Ok(())
}

impl Service {
    /// Makes a token for an account out of 32 random bytes; its text is told this once. Others'
    /// tokens take `manage_accounts`.
    pub fn token_create(
        &self,
        account: &str,
        name: &str,
        expires: Option<Timestamp>,
        random: [u8; 32],
    ) -> Result<(ObjectId, String), ServiceError> {
        let text = Digest(random).to_string();
        let id = self.token_put(account, name, expires, &text)?;
        Ok((id, text))
    }

    /// Takes a token's text from outside, for an account.
    pub(super) fn token_put(
        &self,
        account: &str,
        name: &str,
        expires: Option<Timestamp>,
        text: &str,
    ) -> Result<ObjectId, ServiceError> {
        fits(name, text)?;
        let holder = find(&self.accounts_view()?, ACCOUNT, account)?.id();
        self.check_owner(holder)?;
        let mut made = ObjectId::SYSTEM;
        self.change(|draft| {
            made = self.put_token(draft, holder, (name, text), expires)?;
            Ok(())
        })?;
        Ok(made)
    }

    /// Puts a token into a draft, by its name and text.
    pub(super) fn put_token(
        &self,
        draft: &mut Draft,
        holder: ObjectId,
        (name, text): (&str, &str),
        expires: Option<Timestamp>,
    ) -> Result<ObjectId, ServiceError> {
        fits(name, text)?;
        let id = self.database.environment().ids.next_id(draft.now());
        let row = TokenRow {
            what: What::Token,
            id: id.0,
            account: holder.0,
            name: name.to_owned(),
            created: draft.now().0,
            expires: expires.map(|expires| expires.0),
        };
        draft.put_ledger(Ledger::Tokens, digest(text), Some(row.encode()))?;
        Ok(id)
    }

    /// Tokens: one's own; all of them with `manage_accounts`.
    pub fn tokens(&self) -> Result<Vec<TokenView>, ServiceError> {
        let view = self.accounts_view()?;
        let mut tokens = Vec::new();
        for (_, row) in self.token_rows(What::Token)? {
            let account = ObjectId(row.account);
            if self.check_owner(account).is_err() {
                continue;
            }
            let Some(holder) = view.object(account)? else { continue };
            tokens.push(TokenView {
                id: ObjectId(row.id),
                account: holder.value("name").to_string(),
                name: row.name,
                created: Timestamp(row.created),
                expires: row.expires.map(Timestamp),
            });
        }
        tokens.sort_by_key(|token| (token.created, token.id));
        Ok(tokens)
    }

    /// Takes a token back: it is worth nothing from then on.
    pub fn token_delete(&self, id: ObjectId) -> Result<(), ServiceError> {
        let found = self.token_rows(What::Token)?.into_iter().find(|(_, row)| row.id == id.0);
        let Some((key, row)) = found else {
            return Err(ServiceError::NotFound { what: "token", name: id.to_string() });
        };
        self.check_owner(ObjectId(row.account))?;
        self.change(|draft| Ok(draft.put_ledger(Ledger::Tokens, key.clone(), None)?))?;
        Ok(())
    }

    fn check_owner(&self, account: ObjectId) -> Result<(), ServiceError> {
        if self.caller.account == Some(account) {
            return Ok(());
        }
        self.caller.check_global(GlobalAction::ManageAccounts, Place::Default)
    }

    fn token_rows(&self, what: What) -> Result<Vec<(Vec<u8>, TokenRow)>, ServiceError> {
        let view = self.accounts_view()?;
        let rows = view.ledger_rows(Ledger::Tokens, &[], LedgerOrder::Ascending, LISTED_MAX)?;
        let read = |(key, row): (Vec<u8>, Vec<u8>)| {
            postcard::from_bytes::<TokenRow>(&row).ok().map(|row| (key, row))
        };
        Ok(rows.into_iter().filter_map(read).filter(|(_, row)| row.what == what).collect())
    }

    /// The row of a secret that is still worth something.
    pub(super) fn token_row(
        &self,
        secret: &str,
        what: What,
    ) -> Result<Option<TokenRow>, ServiceError> {
        if secret.len() > TOKEN_BYTES_MAX {
            return Ok(None);
        }
        let view = self.accounts_view()?;
        let row = view.ledger(Ledger::Tokens, &digest(secret))?;
        let row: Option<TokenRow> = row.and_then(|row| postcard::from_bytes(&row).ok());
        Ok(row.filter(|row| row.what == what && !row.is_over(view.now())))
    }

    /// The account of an API token. The look-up is by digest, so its time tells nothing of others.
    pub(super) fn account_of_token(&self, token: &str) -> Result<ObjectId, ServiceError> {
        match self.token_row(token, What::Token)? {
            Some(row) => Ok(ObjectId(row.account)),
            None => Err(unauthenticated("the token is unknown, expired or was taken back")),
        }
    }
}
