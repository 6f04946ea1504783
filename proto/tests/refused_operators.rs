//! What is refused of constraints, preferences, places and what operators decide: by which path, and in which words.

use std::fmt::Debug;

use meros_proto::{Explain, RemoveWindow, SetDuty, SetWindow, WireError, v1};
use meros_types::{
    AMOUNT_MAX, Bounds, CONSTRAINT_VALUES_MAX, CONSTRAINTS_MAX, CUSTOM_SCALARS_MAX, Call, Explanation, FromAgent, LEAST_MAX,
    RolesUpdate, Shape, ToFramework, WINDOW_AGENTS_MAX,
};
use v1::ConstraintOperator as Operator;
use v1::call::Call as Wire;

fn check_error<D: Debug>(read: Result<D, WireError>, field_and_reason: &str) {
    assert_eq!(read.expect_err(field_and_reason).to_string(), field_and_reason);
}

fn check_refused(call: Wire, name: &str, reason: &str) {
    match (v1::Call { call: Some(call) }).into() {
        Call::Refused(refused) => assert_eq!((refused.call.as_str(), refused.reason.as_str()), (name, reason)),
        other => panic!("{reason}: not refused: {other:?}"),
    }
}

fn constraint(attribute: &str, operator: Operator, values: &[&str]) -> v1::Constraint {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    v1::Constraint { attribute: attribute.to_owned(), operator: operator.into(), values }
}

fn shape(constraints: Vec<v1::Constraint>) -> v1::Shape {
    v1::Shape { resources: Some(v1::Resources::default()), constraints, ..v1::Shape::default() }
}

/// The constraint is refused at this field of it.
fn check_constraint(constraint: v1::Constraint, field_and_reason: &str) {
    let good = self::constraint("rack", Operator::Exists, &[]);
    check_error(Shape::try_from(shape(vec![good, constraint])), &format!("constraints[1].{field_and_reason}"));
}

#[test]
fn a_constraint_says_what_its_text_can_say() {
    let is = |name: &str, operator| constraint(name, operator, &[]);
    check_constraint(is("", Operator::Exists), r#"attribute: "" is not what a constraint looks at: it is empty"#);
    let at = r#"attribute: "@rack" is not what a constraint looks at: with @ there are @hostname, @region and @zone"#;
    check_constraint(is("@rack", Operator::Exists), at);
    check_constraint(is("rack", Operator::Unspecified), "operator: it is not specified");
    let later = v1::Constraint { operator: 9, ..is("rack", Operator::Exists) };
    check_constraint(later, "operator: 9 is not a value known here");
    for operator in [Operator::OneOf, Operator::NoneOf] {
        check_constraint(is("rack", operator), "values: at least one is needed");
        let with = |value: &str| constraint("rack", operator, &["a", value]);
        check_constraint(with(""), "values[1]: it is empty");
        check_constraint(with("a,b"), "values[1]: it has a comma or a control character");
        check_constraint(with("a\n"), "values[1]: it has a comma or a control character");
        check_constraint(with(" a"), "values[1]: it has a space at its beginning or end");
        check_constraint(with(&"a".repeat(257)), "values[1]: it is longer than 256 bytes");
        let many = constraint("rack", operator, &["a"; CONSTRAINT_VALUES_MAX + 1]);
        check_constraint(many, "values: 65 of them, at most 64");
    }
    for operator in [Operator::Exists, Operator::NotExists] {
        let some = constraint("rack", operator, &["a"]);
        check_constraint(some, "values: there are some, and this operator compares with none");
    }
}

#[test]
fn a_shape_has_few_constraints_and_a_bad_one_is_named_by_its_path() {
    let demand = |shape| Wire::Demand(v1::Demand { role: "*".into(), version: 1, shapes: vec![self::shape(Vec::new()), shape] });
    let many = shape(vec![constraint("rack", Operator::Exists, &[]); CONSTRAINTS_MAX + 1]);
    check_refused(demand(many), "DEMAND", "demand.shapes[1].constraints: 17 of them, at most 16");
    let bad = shape(vec![constraint("rack", Operator::OneOf, &[])]);
    check_refused(demand(bad.clone()), "DEMAND", "demand.shapes[1].constraints[0].values: at least one is needed");
    let question = v1::Explain { role: "*".into(), shape: Some(bad) };
    check_refused(Wire::Explain(question), "EXPLAIN", "explain.shape.constraints[0].values: at least one is needed");
}

#[test]
fn preferences_are_few_and_may_be_absent() {
    let subscribe = |preferences| {
        Wire::Subscribe(v1::Subscribe {
            roles: vec!["*".into()],
            mode: Some(v1::subscribe::Mode::Takeover(v1::Takeover {})),
            failover_timeout: Some(v1::Duration::default()),
            preferences,
            ..v1::Subscribe::default()
        })
    };
    let Call::Subscribe(read) = (v1::Call { call: Some(subscribe(None)) }).into() else { panic!("not a subscription") };
    assert_eq!(read.preferences, meros_types::OfferPreferences::default());
    let lease = Some(v1::Duration { seconds: 1, nanos: 1_000_000_000 });
    let bad = v1::OfferPreferences { lease, ..v1::OfferPreferences::default() };
    check_refused(subscribe(Some(bad)), "SUBSCRIBE", "subscribe.preferences.lease.nanos: 1000000000 is a second or more");
    let least = vec![v1::Resources::default(); LEAST_MAX + 1];
    let bad = v1::OfferPreferences { least, ..v1::OfferPreferences::default() };
    check_refused(subscribe(Some(bad)), "SUBSCRIBE", "subscribe.preferences.least: 17 of them, at most 16");
}

#[test]
fn a_domain_has_two_parts_without_the_characters_between_them() {
    let check = |region: &str, zone: &str, words: &str| {
        let register = v1::Register {
            incarnation: vec![7; 16],
            secret: vec![8; 16],
            resources: Some(v1::Resources::default()),
            domain: Some(v1::Domain { region: region.into(), zone: zone.into() }),
            ..v1::Register::default()
        };
        let report = Some(v1::agent_request::Report::Register(register));
        let error = FromAgent::try_from(v1::AgentRequest { session: None, report }).expect_err(words);
        assert_eq!(error.field, "register.domain");
        assert!(error.reason.contains(words), "{error}");
    };
    check("", "a", "are not empty");
    check("eu", "", "are not empty");
    check("eu/west", "a", "have no / , ;");
    check("eu", "a/b", "have no / , ;");
    check("eu", &"a".repeat(257), "longer than 256 bytes");
}

#[test]
fn what_an_offer_says_is_read_whole() {
    let offer = v1::Offer {
        role: "*".into(),
        agent: Some(v1::OfferedAgent { id: vec![1; 16], ..v1::OfferedAgent::default() }),
        resources: Some(v1::Resources::default()),
        lease: Some(v1::Duration::default()),
        unavailability: Some(v1::Unavailability::default()),
        ..v1::Offer::default()
    };
    let heard = |offer| {
        let event = Some(v1::framework_response::Event::Offers(v1::Offers { offers: vec![offer] }));
        ToFramework::try_from(v1::FrameworkResponse { session: Some(v1::SessionId::default()), event })
    };
    check_error(heard(offer.clone()), "offers.offers[0].unavailability.duration: it is missing");
    let domain = Some(v1::Domain { region: "eu".into(), zone: String::new() });
    let agent = Some(v1::OfferedAgent { id: vec![1; 16], domain, ..v1::OfferedAgent::default() });
    let error = heard(v1::Offer { agent, ..offer }).unwrap_err();
    assert_eq!(error.field, "offers.offers[0].agent.domain");
}

#[test]
fn an_explanation_has_known_values_only() {
    let explained = |standing: i32, obstacle: Option<v1::obstacle::Obstacle>| {
        let obstacles = vec![v1::Obstacle { obstacle }];
        let shapes = vec![v1::ShapeExplanation { shape: Some(shape(Vec::new())), obstacles, ..v1::ShapeExplanation::default() }];
        let (framework, role) = (vec![1; 16], "*".into());
        Explanation::try_from(v1::Explanation { framework, role, standing, shapes, ..v1::Explanation::default() })
    };
    let wanting = v1::Standing::Wanting.into();
    check_error(explained(0, None), "standing: it is not specified");
    check_error(explained(9, None), "standing: 9 is not a value known here");
    check_error(explained(wanting, None), "shapes[0].obstacles[0].obstacle: it is missing, or one that is not known here");
    let check =
        |obstacle, reason: &str| check_error(explained(wanting, Some(obstacle)), &format!("shapes[0].obstacles[0].{reason}"));
    use v1::obstacle::Obstacle;
    let over = v1::OverLimit { role: "*".into(), lacks: None };
    check(Obstacle::OverLimit(over), "over_limit.lacks: it is missing");
    check(Obstacle::KeptForGuarantees(v1::KeptForGuarantees::default()), "kept_for_guarantees.lacks: it is missing");
    check(Obstacle::Constraint(v1::Excluded::default()), "constraint.constraint: it is missing");
    check(Obstacle::NothingFits(v1::NothingFits::default()), "nothing_fits.closest: it is missing");
    check(Obstacle::Filtered(v1::Filtered::default()), "filtered.first_ends_in: it is missing");
    check(Obstacle::Behind(v1::Behind::default()), "behind.first: it is missing");
}

#[test]
fn amounts_that_are_to_be_stored_have_bounds() {
    let update = |change: v1::RoleUpdate| {
        let good = v1::RoleUpdate { role: "a".into(), ..v1::RoleUpdate::default() };
        RolesUpdate::try_from(v1::UpdateRolesRequest { roles: vec![good, change], force: false })
    };
    let role = || v1::RoleUpdate { role: "b".into(), ..v1::RoleUpdate::default() };
    let above = format!("an amount is above {AMOUNT_MAX}");
    let limit = |limit: v1::Bounds| update(v1::RoleUpdate { limit: Some(limit), ..role() });
    check_error(
        limit(v1::Bounds { disk_bytes: Some(AMOUNT_MAX + 1), ..v1::Bounds::default() }),
        &format!("roles[1].limit: {above}"),
    );
    let scalar = |name: &str, amount_milli| v1::CustomScalar { name: name.into(), amount_milli };
    let custom = |custom| limit(v1::Bounds { custom, ..v1::Bounds::default() });
    check_error(custom(vec![scalar("a", AMOUNT_MAX + 1)]), &format!("roles[1].limit: {above}"));
    check_error(custom(vec![scalar("a", 0), scalar("a", 0)]), "roles[1].limit.custom[1].name: it is given twice");
    let reason = r#""cpus": this name has a meaning of its own and can't be a user's scalar"#;
    check_error(custom(vec![scalar("cpus", 1)]), &format!("roles[1].limit.custom[0].name: {reason}"));
    let many = (0..=CUSTOM_SCALARS_MAX).map(|n| scalar(&format!("a{n}"), 1)).collect();
    check_error(custom(many), "roles[1].limit.custom: 33 of them, at most 32");
    let guarantee = Some(v1::Resources { cpu_milli: AMOUNT_MAX + 1, ..v1::Resources::default() });
    check_error(update(v1::RoleUpdate { guarantee, ..role() }), &format!("roles[1].guarantee: {above}"));
    let nameless = v1::RoleUpdate::default();
    assert_eq!(update(nameless).unwrap_err().field, "roles[1].role");
    // A limit of nothing is a limit.
    let read = Bounds::try_from(v1::Bounds { cpu_milli: Some(0), ..v1::Bounds::default() }).unwrap();
    assert!(!read.is_none());
}

#[test]
fn a_duty_is_one_of_three() {
    let set = |duty| SetDuty::try_from(v1::SetDutyRequest { agent: vec![1; 16], duty });
    check_error(set(None), "duty: it is missing");
    check_error(set(Some(v1::Duty { duty: None })), "duty.duty: it is missing, or one that is not known here");
    let max_grace = Some(v1::Duration { seconds: 0, nanos: u32::MAX });
    let drain = v1::duty::Duty::Draining(v1::Drain { max_grace, ..v1::Drain::default() });
    check_error(set(Some(v1::Duty { duty: Some(drain) })), "duty.draining.max_grace.nanos: 4294967295 is a second or more");
    check_error(SetDuty::try_from(v1::SetDutyRequest::default()), "agent: it is missing");
}

#[test]
fn a_window_has_a_name_and_agents() {
    let good = v1::Window { id: "w".into(), agents: vec![vec![1; 16]], unavailability: Some(v1::Unavailability::default()) };
    let set = |window| SetWindow::try_from(v1::SetWindowRequest { window: Some(window) });
    check_error(SetWindow::try_from(v1::SetWindowRequest::default()), "window: it is missing");
    check_error(set(v1::Window { id: String::new(), ..good.clone() }), "window.id: it is missing");
    check_error(set(v1::Window { id: "a\tb".into(), ..good.clone() }), "window.id: it has a control character");
    check_error(set(v1::Window { id: "a".repeat(257), ..good.clone() }), "window.id: 257 bytes, at most 256");
    check_error(
        set(v1::Window { agents: vec![vec![1; 16], vec![2; 15]], ..good.clone() }),
        "window.agents[1]: 15 bytes, an id has 16",
    );
    let many = vec![vec![1; 16]; WINDOW_AGENTS_MAX + 1];
    check_error(set(v1::Window { agents: many, ..good.clone() }), "window.agents: 10001 of them, at most 10000");
    check_error(set(v1::Window { unavailability: None, ..good.clone() }), "window.unavailability: it is missing");
    check_error(set(good), "window.unavailability.duration: it is missing");
    check_error(RemoveWindow::try_from(v1::RemoveWindowRequest::default()), "id: it is missing");
}

#[test]
fn a_question_names_a_framework() {
    check_error(Explain::try_from(v1::ExplainRequest::default()), "framework: it is missing");
    let role = Some("a//b".to_owned());
    let error = Explain::try_from(v1::ExplainRequest { framework: vec![1; 16], role, shape: None }).unwrap_err();
    assert_eq!(error.field, "role");
    let shape = Some(v1::Shape::default());
    check_error(
        Explain::try_from(v1::ExplainRequest { framework: vec![1; 16], role: None, shape }),
        "shape.resources: it is missing",
    );
}
