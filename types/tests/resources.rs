//! The arithmetic of resources, as laws over arbitrary quantities. Errors' texts are in `text.rs`.

mod strategies;

use std::collections::BTreeSet;

use meros_types::{AddError, Ports, Resources, Shape};
use proptest::prelude::*;
use strategies::{huge_resources, port_ranges, ports, resources, shape};

fn set(ports: &Ports) -> BTreeSet<u16> {
    ports.iter().collect()
}

/// Sorted, not touching, none empty: the one form that each set of ports has, so that equality is the sets'.
fn assert_canonical(ports: &Ports) {
    let ranges = ports.ranges();
    assert!(ranges.iter().all(|range| range.first <= range.last), "{ports}");
    assert!(ranges.windows(2).all(|pair| u32::from(pair[0].last) + 1 < u32::from(pair[1].first)), "{ports}");
}

/// A shape and what there may be for it; often, the ports that it names are there.
fn available_and_shape() -> impl Strategy<Value = (Resources, Shape)> {
    (resources(), shape(), proptest::option::of(0..4_u32)).prop_map(|(available, mut shape, named)| {
        if let Some(named) = named {
            let scalars = shape.resources.with_ports(Ports::none());
            let scalars = if available.contains(&scalars) { scalars } else { Resources::none() };
            shape.resources = scalars.with_ports(available.ports().lowest(named));
        }
        (available, shape)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn text_reads_back_what_it_shows(a in resources()) {
        prop_assert_eq!(Resources::parse(&a.to_string()), Ok(a));
    }

    #[test]
    fn json_reads_back_what_it_writes(a in resources()) {
        let text = serde_json::to_string(&a).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Resources>(&text).map_err(|error| format!("{text}: {error}")), Ok(a));
    }

    #[test]
    fn addition_commutes_and_subtraction_undoes_it(a in huge_resources(), b in huge_resources()) {
        let sum = a.checked_add(&b);
        match (&sum, b.checked_add(&a)) {
            (Ok(one), Ok(other)) => {
                prop_assert_eq!(one, &other);
                prop_assert_eq!(one.checked_sub(&b), Ok(a.clone()));
                prop_assert_eq!(one.saturating_sub(&a), b);
                prop_assert!(one.contains(&a));
                assert_canonical(one.ports());
            }
            (Err(one), Err(other)) => prop_assert_eq!(one, &other),
            (one, other) => prop_assert!(false, "{one:?} but the other way round {other:?}"),
        }
    }

    #[test]
    fn a_sum_is_refused_only_for_a_reason(a in huge_resources(), b in huge_resources()) {
        let pairs = a.common().iter().zip(b.common());
        let common = pairs.clone().any(|(a, b)| a.checked_add(*b).is_none());
        let custom = a.custom().iter().any(|(name, milli)| milli.checked_add(b.custom_milli(name)).is_none());
        let both: BTreeSet<u16> = set(a.ports()).intersection(&set(b.ports())).copied().collect();
        match a.checked_add(&b) {
            Ok(_) => prop_assert!(!common && !custom && both.is_empty()),
            Err(AddError::Overflow { .. }) => prop_assert!(common || custom),
            Err(AddError::SamePorts { ports }) => prop_assert_eq!(set(&ports), both),
        }
    }

    #[test]
    fn subtraction_never_goes_below_zero(a in huge_resources(), b in huge_resources()) {
        let rest = a.saturating_sub(&b);
        prop_assert!(a.contains(&rest));
        for ((rest, a), b) in rest.common().iter().zip(a.common()).zip(b.common()) {
            prop_assert_eq!(*rest, a.saturating_sub(*b));
        }
        for (name, milli) in a.custom() {
            prop_assert_eq!(rest.custom_milli(name), milli.saturating_sub(b.custom_milli(name)));
        }
        prop_assert!(rest.custom().iter().all(|(_, milli)| *milli > 0));
        prop_assert_eq!(a.saturating_sub(&a), Resources::none());
    }

    #[test]
    fn containing_agrees_with_subtracting_and_with_the_shortfall(a in huge_resources(), b in huge_resources()) {
        let contains = a.contains(&b);
        prop_assert_eq!(a.checked_sub(&b).is_ok(), contains);
        prop_assert_eq!(a.shortfall(&b).is_none(), contains);
        if let Ok(rest) = a.checked_sub(&b) {
            prop_assert_eq!(rest.checked_add(&b), Ok(a));
        }
    }

    #[test]
    fn ports_are_a_set(ranges in port_ranges(), b in ports(), count in 0..40_u32) {
        let oracle: BTreeSet<u16> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
        let a = Ports::from_ranges(ranges);
        assert_canonical(&a);
        prop_assert_eq!(set(&a), oracle.clone());
        prop_assert_eq!(a.count() as usize, oracle.len());
        prop_assert_eq!(a.is_empty(), oracle.is_empty());
        prop_assert_eq!(a.contains_all(&b), oracle.is_superset(&set(&b)));
        let (rest, lowest) = (a.minus(&b), a.lowest(count));
        prop_assert_eq!(set(&rest), oracle.difference(&set(&b)).copied().collect());
        prop_assert_eq!(set(&lowest), oracle.iter().take(count as usize).copied().collect());
        assert_canonical(&rest);
        assert_canonical(&lowest);
    }

    #[test]
    fn fitting_is_what_can_be_taken_again_and_again((available, shape) in available_and_shape()) {
        let fitting = shape.fitting(&available);
        for copies in (0..4).filter(|copies| *copies <= fitting) {
            let taken = shape.take(&available, copies);
            prop_assert!(available.contains(&taken), "{copies} copies took {taken}");
            assert_multiple(&taken, &shape, copies);
            let rest = available.saturating_sub(&taken);
            let endless = Shape { copies: None, ..shape.clone() };
            if endless.fitting(&available) < u64::MAX {
                prop_assert_eq!(endless.fitting(&rest), endless.fitting(&available) - copies);
            }
        }
    }

    #[test]
    fn a_shape_fits_when_one_copy_is_there((available, shape) in available_and_shape()) {
        let named = shape.resources.ports();
        let others = set(available.ports()).difference(&set(named)).count();
        let room = available.contains(&shape.resources) && others >= shape.any_ports as usize;
        prop_assert_eq!(shape.fits(&available), room && shape.copies != Some(0));
        prop_assert!(shape.copies.is_none_or(|copies| shape.fitting(&available) <= copies));
    }
}

/// Whether this is exactly so many copies of the shape's scalars, its named ports and so many others.
fn assert_multiple(taken: &Resources, shape: &Shape, copies: u64) {
    for (taken, unit) in taken.common().iter().zip(shape.resources.common()) {
        assert_eq!(u128::from(*taken), u128::from(*unit) * u128::from(copies));
    }
    for (name, unit) in shape.resources.custom() {
        assert_eq!(taken.custom_milli(name), unit * copies);
    }
    if copies > 0 {
        assert!(taken.ports().contains_all(shape.resources.ports()));
        let any = u64::from(shape.any_ports) * copies;
        assert_eq!(u64::from(taken.ports().count()), u64::from(shape.resources.ports().count()) + any);
    }
}

#[test]
fn no_copy_takes_nothing_even_of_named_ports() {
    let shape = Shape::of(Resources::parse("cpus:1;ports:[80]").expect("resources")).any_ports(1);
    assert_eq!(shape.take(&Resources::parse("cpus:4").expect("resources"), 0), Resources::none());
}

#[test]
fn a_shape_takes_the_lowest_ports_that_nobody_named() {
    let available = Resources::parse("cpus:8;mem:1GiB;ports:[80-81,90-99]").expect("resources");
    let shape = Shape::of(Resources::parse("cpus:2;ports:[81]").expect("resources")).any_ports(2);
    assert_eq!(shape.fitting(&available), 1);
    assert_eq!(shape.take(&available, 1).to_string(), "cpus:2;ports:[80-81,90-90]");
}
