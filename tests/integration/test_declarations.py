"""What the code declares is what is wired: nothing is sent to nobody, and nobody writes beside a pause."""

from scripts.check.event_documents.traffic import TOOLS, declared_events, declared_traffic, declared_writers
from scripts.lambdas_config import LAMBDAS
from services.shared.events.event import Bus
from tests.integration.plans import Resource, all_of
from tests.integration.wiring import committing, deliveries, drained_by
from tests.integration.world import World


def test_every_queue_is_drained_by_the_service_that_the_map_names(resources: list[Resource], world: World) -> None:
    wanted = {queue.name: [queue.service] for queue in world.deployment.queues.values()}

    assert drained_by(resources, world.deployment) == wanted


def test_the_rules_take_each_event_to_those_who_declare_that_they_consume_it(
    resources: list[Resource], world: World
) -> None:
    consumed = {
        (event.BUS.value, event.type_name(), receiver)
        for event, traffic in declared_traffic().items()
        for receiver in traffic.receivers
    }

    assert deliveries(resources, world.deployment) == consumed


def test_no_rule_reads_only_a_bus_whose_events_all_say_that_no_consumer_is_meant(
    resources: list[Resource], world: World
) -> None:
    consumed = {event.BUS.value for event in declared_events() if not event.NO_CONSUMER}

    read = {bus for bus, _, _ in deliveries(resources, world.deployment)}

    assert world.deployment.buses.keys() == set(Bus)
    assert world.deployment.buses.keys() - read == set(Bus) - consumed


def test_a_pause_knows_everyone_who_may_write_commits_and_the_lifecycles_do_too(
    resources: list[Resource], world: World
) -> None:
    known = {name for name, function in world.deployment.functions.items() if function.writes_commits}

    assert committing(resources, world.deployment) == known
    assert declared_writers() - {TOOLS} == {config.service for config in LAMBDAS if config.function in known}


def test_the_functions_of_the_map_are_those_that_are_found(resources: list[Resource], world: World) -> None:
    deployed = {function["function_name"] for function in all_of(resources, "aws_lambda_function")}

    assert world.deployment.functions.keys() == {config.function for config in LAMBDAS}
    assert {function.name for function in world.deployment.functions.values()} == deployed


def test_a_schedule_of_the_map_is_the_rule_that_sets_its_function_off(resources: list[Resource], world: World) -> None:
    arns = {function["arn"]: function["function_name"] for function in all_of(resources, "aws_lambda_function")}
    targets = all_of(resources, "aws_cloudwatch_event_target")
    ticking = {(arns[target["arn"]], target["rule"]) for target in targets if target["arn"] in arns}

    functions = world.deployment.functions.values()
    assert {(function.name, function.schedule) for function in functions if function.schedule} == ticking
