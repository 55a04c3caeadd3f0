//! Network namespaces and what connects them.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::{INET, NET_NS, UNIX, VETH};
use crate::table::ns::lost_in_clone3;
use crate::test::{Test, test};

const SIOCSIFFLAGS: usize = 0x8914;
const SIOCSIFMTU: usize = 0x8922;

const NO_NET: Mutant = Mutant::lose("no new network namespace", nr::CLONE, 0, clone::NEWNET);
const NOT_UP: Mutant = Mutant::ignore_when("interfaces stay down", nr::IOCTL, 1, SIOCSIFFLAGS);

pub(super) const TESTS: &[Test] = &[
    // network_namespaces(7): usable from 2.6.29.
    test(
        "ns::net::loopback_is_own_and_down",
        "a new network namespace has just its own lo, down, and its state is private",
    )
    .since(2, 6, 29)
    .kconfig(&[NET_NS, INET])
    .leaves_netns()
    .mutants(&[NO_NET, NOT_UP, Mutant::ignore_when("the MTU is not set", nr::IOCTL, 1, SIOCSIFMTU)]),
    test("ns::net::unshare_makes_a_new_one", "after unshare a process has a network of its own, with lo down")
        .since(2, 6, 29)
        .kconfig(&[NET_NS, INET])
        .leaves_netns()
        .mutants(&[Mutant::lose("no new network namespace", nr::UNSHARE, 0, clone::NEWNET)]),
    test("ns::net::clone3_makes_a_new_one", "a process made by clone3 has a network of its own, with lo down")
        .since(5, 3, 0)
        .kconfig(&[NET_NS, INET])
        .leaves_netns()
        .mutants(&[lost_in_clone3(clone::NEWNET)]),
    test("ns::net::port_is_private", "one TCP port can be bound in two network namespaces and leads to each one's own")
        .since(2, 6, 29)
        .kconfig(&[NET_NS, INET])
        .leaves_netns()
        .mutants(&[NO_NET]),
    test("ns::net::abstract_socket_is_private", "an abstract Unix socket answers in its own network namespace only")
        .since(2, 6, 29)
        .kconfig(&[NET_NS, UNIX])
        .leaves_netns()
        .mutants(&[NO_NET]),
    test(
        "ns::net::veth_connects_namespaces",
        "a veth pair carries datagrams between two network namespaces, both ways",
    )
    .since(2, 6, 29)
    .kconfig(&[NET_NS, INET, VETH])
    .modules(&["veth"])
    .deadline(20)
    .leaves_netns()
    .mutants(&[NO_NET, NOT_UP]),
];
