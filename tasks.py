"""The tasks of `invoke --list`. Their bodies stand in scripts/tasks, a module for each subject."""

import signal
import sys
from pathlib import Path

from invoke.collection import Collection

from scripts.cli import environment
from scripts.tasks import deploy, develop, measure, monitor, operate, parsing, recover, shop, test

DAILY = (
    (develop.lint, develop.fix, develop.typecheck, develop.events, develop.build, develop.clean),
    (test.unit, test.integration),
    (deploy.local_up, deploy.local_down, deploy.bootstrap, deploy.plan, deploy.apply, deploy.unlock, deploy.drift),
    (deploy.deploy_dev, deploy.destroy_dev, deploy.post_deploy_test),
    (shop.seed_inventory, shop.put_order, shop.order_show, shop.demo),
    (operate.audit, operate.logs, operate.dlq_list, operate.redrive, operate.pause, operate.resume),
    (recover.backup, recover.restore),
    (monitor.alerts, monitor.setup_grafana),
    (measure.bench, measure.coldstart, measure.cost, measure.simulate),
)
NAMESPACES = {
    "check": (test.check_infra, develop.scan_infra, develop.dependencies, develop.lock),
    "test": (
        *(test.all_suites, test.model, test.soak, test.infra, test.wiring, test.monitoring, test.faults),
        *(test.metrics, test.environments, test.upgrade, test.growth, test.delivery, test.deployed),
    ),
    "recover": (recover.relay_catchup, recover.replay_orders, recover.refund_lost),
    "monitor": (
        *(monitor.up, monitor.down, monitor.tools, monitor.token, monitor.password, monitor.set_webhook),
        *(monitor.metrics_audit, monitor.dashboards, monitor.deliver, monitor.picture),
    ),
    "measure": (measure.right_size,),
}

namespace = Collection(*(task for tasks in DAILY for task in tasks))
for name, tasks in NAMESPACES.items():
    namespace.add_collection(Collection(name, *tasks))

parsing.install()
if {"invoke", "inv"} & {*Path(sys.argv[0]).parts[-2:]}:  # and not a test that imports this module
    environment.clean_up_or_restart()
if {"--list", "--help"} & set(sys.argv):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # so that `invoke --list | head` ends quietly
