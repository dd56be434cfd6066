//! Who calls: accounts, passwords, tokens and sessions.

use std::sync::Arc;

use model::Clock as _;
use model::permission::{Action, GlobalAction, Place as On};
use serde_json::json;
use service::{Caller, Credential, FirstAdmin, Place, Service, ServiceError};

use crate::support::{ByHand, load, service_at};

const PASSWORD: &str = "correct horse battery staple";
const TOKEN: &str = "06438eb2-8019-4776-878c-0941b1f1d1ec";

fn ready() -> (Service, Arc<ByHand>) {
    let clock = Arc::new(ByHand::default());
    let service = service_at(Place::Memory, clock.clone());
    let admin = FirstAdmin { password: PASSWORD.to_owned(), token: TOKEN.to_owned() };
    assert!(service.first_admin(&admin).unwrap());
    (service, clock)
}

fn dump(service: &Service) -> String {
    let mut out = Vec::new();
    service.dump(&mut out).unwrap();
    String::from_utf8_lossy(&out).into_owned()
}

fn refused(service: &Service, credential: Credential<'_>) -> String {
    match service.authenticate(credential) {
        Err(ServiceError::Unauthenticated { code, message }) => format!("{code}: {message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_administrator_is_made_once_and_may_do_everything() {
    let (service, _clock) = ready();
    let again = FirstAdmin { password: "other".to_owned(), token: "0123456789abcdef".to_owned() };
    assert!(!service.first_admin(&again).unwrap());
    assert!(refused(&service, Credential::Token(&again.token)).contains("unknown"));
    let admin = service.authenticate(Credential::Token(TOKEN)).unwrap();
    assert_eq!(admin.name, "admin");
    assert!(admin.permissions.is_super_admin());
    assert!(admin.check_global(GlobalAction::ManageSchema, On::Default).is_ok());
}

#[test]
fn accounts_that_are_mere_objects_ask_nobody_for_credentials() {
    let service = crate::support::service();
    load(&service, "CoreAccount", &json!([{"name": "admin"}, {"name": "owner"}]));
    assert!(!service.authenticate(Credential::Nothing).unwrap().is_anonymous());
    // The one that is to administer is taken over.
    let admin = FirstAdmin { password: PASSWORD.to_owned(), token: TOKEN.to_owned() };
    assert!(service.first_admin(&admin).unwrap());
    assert!(service.authenticate(Credential::Nothing).unwrap().is_anonymous());
    assert!(service.login("admin", PASSWORD, [1; 32]).is_ok());
}

#[test]
fn who_gives_no_credentials_changes_no_branch() {
    let (service, _clock) = ready();
    let nobody = service.called_by(service.authenticate(Credential::Nothing).unwrap());
    let code = |told: Result<serde_json::Value, ServiceError>| told.unwrap_err().code();
    service.branch_create("kept", "").unwrap();
    let before = dump(&service);
    assert_eq!(code(nobody.branch_create("b", "")), "AUTHENTICATION_REQUIRED");
    assert_eq!(code(nobody.branch_update("kept", Some("c"), None)), "AUTHENTICATION_REQUIRED");
    assert_eq!(code(nobody.branch_delete("kept")), "AUTHENTICATION_REQUIRED");
    assert_eq!(code(nobody.branch_merge("kept")), "AUTHENTICATION_REQUIRED");
    assert_eq!(code(nobody.branch_rebase("kept")), "AUTHENTICATION_REQUIRED");
    let conflict = "00000002-0000-8000-8000-000000000000";
    assert_eq!(code(nobody.branch_resolve(conflict, Some("main"))), "AUTHENTICATION_REQUIRED");
    assert_eq!(dump(&service), before);
}

#[test]
fn neither_password_nor_token_is_in_the_store() {
    let (service, _clock) = ready();
    let dump = dump(&service);
    assert!(!dump.contains(PASSWORD) && !dump.contains(TOKEN));
    assert!(dump.contains("$argon2id$"));
}

#[test]
fn a_password_that_is_set_again_changes_nothing_and_another_one_does() {
    let (service, _clock) = ready();
    let before = service.last_commit();
    load(&service, "CoreAccount", &json!([{"name": "admin", "password": PASSWORD}]));
    assert_eq!(service.last_commit(), before);
    load(&service, "CoreAccount", &json!([{"name": "admin", "password": "another one"}]));
    assert!(service.last_commit() > before);
    assert!(service.login("admin", PASSWORD, [1; 32]).is_err());
    assert!(service.login("admin", "another one", [2; 32]).is_ok());
}

#[test]
fn a_session_begins_with_a_password_is_refreshed_and_ends() {
    let (service, clock) = ready();
    for (name, password) in [("admin", "wrong"), ("nobody", PASSWORD), ("", "")] {
        let told = service.login(name, password, [3; 32]).unwrap_err().to_string();
        assert!(told.contains("the name or the password is wrong"), "{told}");
    }
    let signed = service.login("admin", PASSWORD, [4; 32]).unwrap();
    let caller = service.authenticate(Credential::Bearer(&signed.access)).unwrap();
    assert_eq!(caller.name, "admin");
    // A refresh token is no access token, and the other way round.
    assert!(refused(&service, Credential::Bearer(&signed.refresh)).contains("not one of ours"));
    assert!(service.refresh(&signed.access).is_err());
    clock.forward(service::ACCESS_SECONDS + 1);
    assert_eq!(
        refused(&service, Credential::Bearer(&signed.access)),
        "TOKEN_EXPIRED: Expired Signature"
    );
    let access = service.refresh(&signed.refresh).unwrap();
    assert!(service.authenticate(Credential::Bearer(&access)).is_ok());
    service.logout(&access).unwrap();
    assert!(refused(&service, Credential::Bearer(&access)).contains("the session has ended"));
    assert!(service.refresh(&signed.refresh).is_err());
}

#[test]
fn a_session_that_was_not_refreshed_for_long_is_over() {
    let (service, clock) = ready();
    let signed = service.login("admin", PASSWORD, [5; 32]).unwrap();
    clock.forward(service::REFRESH_SECONDS + 1);
    let told = service.refresh(&signed.refresh).unwrap_err();
    assert_eq!(told.code(), "TOKEN_EXPIRED");
}

#[test]
fn a_forged_token_is_refused_whatever_it_says() {
    let (service, _clock) = ready();
    let signed = service.login("admin", PASSWORD, [6; 32]).unwrap();
    let parts: Vec<&str> = signed.access.split('.').collect();
    let none = "eyJhbGciOiJub25lIn0";
    let forged = [
        String::new(),
        "a.b.c".to_owned(),
        format!("{}.{}.", none, parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], parts[0]),
        format!("{}x", signed.access),
    ];
    for forged in &forged {
        assert!(refused(&service, Credential::Bearer(forged)).contains("not one of ours"));
    }
}

#[test]
fn a_token_is_made_told_once_expires_and_is_taken_back() {
    let (service, clock) = ready();
    load(&service, "CoreAccount", &json!([{"name": "robot", "account_type": "Bot"}]));
    let admin = service.called_by(service.authenticate(Credential::Token(TOKEN)).unwrap());
    let day = model::Timestamp(clock.now().0 + 86_400_000_000);
    let (id, text) = admin.token_create("robot", "nightly", Some(day), [7; 32]).unwrap();
    let robot = service.authenticate(Credential::Token(&text)).unwrap();
    assert_eq!(robot.name, "robot");
    let listed: Vec<_> = admin.tokens().unwrap().iter().map(|one| one.name.clone()).collect();
    assert_eq!(listed, ["initial token", "nightly"]);
    // Its own token is all that it sees, and others' it cannot touch.
    let as_robot = service.called_by(robot);
    assert_eq!(as_robot.tokens().unwrap().len(), 1);
    let told = as_robot.token_create("admin", "mine", None, [8; 32]).unwrap_err();
    assert_eq!(told.code(), "PERMISSION_DENIED");
    assert!(told.to_string().contains("global:manage_accounts:allow_all"), "{told}");
    clock.forward(86_401);
    assert!(refused(&service, Credential::Token(&text)).contains("expired"));
    admin.token_delete(id).unwrap();
    assert_eq!(admin.tokens().unwrap().len(), 1);
    assert_eq!(admin.token_delete(id).unwrap_err().code(), "not-found");
    for (name, code) in [("x".repeat(129), "bad-token-name"), ("ok".to_owned(), "not-found")] {
        let told = admin.token_create("nobody", &name, None, [9; 32]).unwrap_err();
        assert_eq!(told.code(), code, "{told}");
    }
}

#[test]
fn an_inactive_account_may_nothing() {
    let (service, _clock) = ready();
    load(&service, "CoreAccount", &json!([{"name": "admin", "status": "inactive"}]));
    assert!(refused(&service, Credential::Token(TOKEN)).contains("inactive"));
    assert!(service.login("admin", PASSWORD, [1; 32]).is_err());
}

#[test]
fn roles_add_up_over_the_groups_of_an_account() {
    let (service, _clock) = ready();
    load(
        &service,
        "CoreObjectPermission",
        &json!([{"namespace": "Ipam", "name": "*", "action": "update", "decision": 6}]),
    );
    load(
        &service,
        "CoreAccountRole",
        &json!([{"name": "addresses", "permissions": {
            "kind": "CoreObjectPermission", "data": [["Ipam", "*", "update", "6"]],
        }}]),
    );
    load(&service, "CoreAccount", &json!([{"name": "jo", "password": "a password"}]));
    load(
        &service,
        "CoreAccountGroup",
        &json!([
            {"name": "address people", "roles": ["addresses"], "members": {"kind": "CoreAccount", "data": ["jo"]}},
            {"name": "Kiln Users", "members": {"kind": "CoreAccount", "data": ["jo"]}},
        ]),
    );
    let signed = service.login("jo", "a password", [1; 32]).unwrap();
    let jo = service.authenticate(Credential::Bearer(&signed.access)).unwrap();
    let may = |namespace: &str, action, on| jo.permissions.may(namespace, "Namespace", action, on);
    assert!(may("Ipam", Action::Update, On::Default));
    assert!(may("Ipam", Action::Create, On::Other));
    assert!(!may("Ipam", Action::Create, On::Default));
    assert!(may("Builtin", Action::View, On::Default));
    assert!(!jo.permissions.may_globally(GlobalAction::ManageSchema, On::Other));
}

#[test]
fn who_gives_no_credentials_may_read_where_that_is_set() {
    let (service, _clock) = ready();
    let nobody = service.authenticate(Credential::Nothing).unwrap();
    assert!(nobody.is_anonymous());
    assert!(nobody.permissions.may("Core", "Account", Action::View, On::Default));
    let told = nobody.check_global(GlobalAction::ManageSchema, On::Default).unwrap_err();
    assert_eq!(told.code(), "AUTHENTICATION_REQUIRED");
    let told = Caller::anonymous(false).check_global(GlobalAction::MergeBranch, On::Other);
    assert!(told.unwrap_err().to_string().contains("global:merge_branch:allow_all"));
}
