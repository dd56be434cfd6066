//! What permissions add up to.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use model::permission::{Action, GlobalAction, Permission, Permissions, Place};

fn permissions(texts: &[&str]) -> Permissions {
    let mut all = Permissions::default();
    for text in texts {
        let one: Permission = text.parse().unwrap();
        assert_eq!(one.to_string(), *text, "it is written as it was read");
        all.add(one);
    }
    all
}

fn may(texts: &[&str], action: Action, place: Place) -> bool {
    permissions(texts).may("Infra", "Server", action, place)
}

#[test]
fn nothing_is_allowed_that_no_permission_speaks_of() {
    assert!(!may(&[], Action::View, Place::Default));
    assert!(!may(&["object:Ipam:*:any:allow_all"], Action::View, Place::Default));
    assert!(!may(&["object:*:*:view:allow_all"], Action::Update, Place::Default));
}

#[test]
fn the_most_specific_permission_decides_whatever_the_order() {
    let texts = ["object:*:*:any:allow_all", "object:Infra:Server:delete:deny"];
    for texts in [texts, [texts[1], texts[0]]] {
        assert!(may(&texts, Action::Update, Place::Default));
        assert!(!may(&texts, Action::Delete, Place::Default));
    }
    let exact = ["object:Infra:Server:any:deny", "object:Infra:*:view:allow_all"];
    assert!(!may(&exact, Action::View, Place::Default), "the name comes before the action");
    let within = ["object:Infra:*:any:allow_all", "object:*:Server:any:deny"];
    assert!(may(&within, Action::View, Place::Default), "the namespace comes first");
    let part = ["object:Infra:Serv*:any:allow_all", "object:Infra:*:any:deny"];
    assert!(may(&part, Action::View, Place::Default));
}

#[test]
fn among_equals_a_denial_decides_and_else_they_add_up() {
    let equals = ["object:Infra:*:any:allow_all", "object:Infra:*:any:deny"];
    assert!(!may(&equals, Action::View, Place::Other));
    let halves = ["object:Infra:*:any:allow_default", "object:Infra:*:any:allow_other"];
    assert!(may(&halves, Action::View, Place::Other));
    assert!(may(&halves, Action::View, Place::Default));
}

#[test]
fn a_decision_may_hold_on_the_default_branch_only_or_on_others_only() {
    let others = ["object:*:*:any:allow_other"];
    assert!(may(&others, Action::Create, Place::Other));
    assert!(!may(&others, Action::Create, Place::Default));
    let default = ["object:*:*:any:allow_default"];
    assert!(!may(&default, Action::Create, Place::Other));
    assert!(may(&default, Action::Create, Place::Default));
}

#[test]
fn patterns_fit_at_the_start_the_end_and_in_between() {
    for fits in ["Serv*", "*ver", "S*r", "*erve*", "S*e*r", "*", "Server*"] {
        assert!(may(&[&format!("object:Infra:{fits}:any:allow_all")], Action::View, Place::Other));
    }
    for misfit in ["Serv", "*vers", "s*", "S*x*r", "Servers*", "Serverr*r"] {
        assert!(!may(
            &[&format!("object:Infra:{misfit}:any:allow_all")],
            Action::View,
            Place::Other
        ));
    }
}

#[test]
fn a_super_admin_may_everything_and_a_denial_takes_it_away() {
    let all = Permissions::all();
    assert!(all.may("Infra", "Server", Action::Delete, Place::Default));
    assert!(all.may_globally(GlobalAction::ManageSchema, Place::Other));
    let denied = permissions(&["global:super_admin:allow_all", "global:super_admin:deny"]);
    assert!(!denied.is_super_admin());
    let schema = permissions(&["global:manage_schema:allow_all"]);
    assert!(schema.may_globally(GlobalAction::ManageSchema, Place::Default));
    assert!(!schema.may_globally(GlobalAction::MergeBranch, Place::Default));
    assert!(!Permissions::read_only().may("Infra", "Server", Action::Update, Place::Default));
}

#[test]
fn what_is_no_permission_is_told_with_what_is_wrong() {
    for (text, what) in [
        ("", "another form"),
        ("object:Infra:Server:view", "another form"),
        ("object::Server:view:deny", "must not be empty"),
        ("object:Infra:Server:look:deny", "`look` is no action"),
        ("object:Infra:Server:view:maybe", "`maybe` is no decision"),
        ("global:fly:deny", "`fly` is no global action"),
    ] {
        let told = text.parse::<Permission>().unwrap_err().to_string();
        assert!(told.contains(what), "{told}");
    }
}
