"""The tasks of `invoke --list`. Their bodies stand in scripts/tasks, a module for each subject."""

import sys
from pathlib import Path

from invoke.collection import Collection

from scripts.cli import environment
from scripts.tasks import (
    deploy,
    develop,
    listing,
    measure,
    monitor,
    operate,
    parsing,
    recover,
    shop,
    shop_secrets,
    test,
)

DAILY = {
    "Develop": (
        *(develop.lint, develop.fix, develop.typecheck, test.unit, test.integration),
        *(develop.build, develop.events, develop.clean),
    ),
    "Run and deploy": (
        *(deploy.local_up, deploy.local_down, deploy.deploy_dev, deploy.plan, deploy.apply, deploy.post_deploy_test),
        *(deploy.drift, deploy.bootstrap, deploy.unlock, deploy.destroy_dev),
    ),
    "Shop and orders": (
        *(shop.demo, shop.put_order, shop.order_show, shop.seed_inventory, shop.shop_user),
        *(shop.order_cancel, shop.return_request, shop.return_receive, shop.refund_retry),
    ),
    "Operate and recover": (
        *(operate.audit, operate.logs, operate.dlq_list, operate.redrive, operate.customer_erase),
        *(operate.pause, operate.resume, recover.backup, recover.restore),
    ),
    "Monitor": (monitor.alerts, monitor.setup_grafana),
    "Measure": (measure.bench, measure.cost, measure.simulate, measure.coldstart),
}
NAMESPACES = {
    "test": (
        *(test.all_suites, test.model, test.soak, test.infra, test.wiring, test.monitoring, test.faults),
        *(test.commands, test.metrics, test.api, test.environments, test.upgrade, test.growth),
        *(test.delivery, test.deployed),
    ),
    "check": (test.check_infra, develop.scan_infra, develop.openapi, develop.dependencies, develop.lock),
    "recover": (recover.relay_catchup, recover.replay_orders, recover.refund_lost),
    "monitor": (
        *(monitor.up, monitor.down, monitor.tools, monitor.token, monitor.password, monitor.set_webhook),
        *(monitor.metrics_audit, monitor.dashboards, monitor.deliver, monitor.picture),
    ),
    "shop": (shop_secrets.carrier_secret, shop_secrets.cursor_secret),
    "measure": (measure.life, measure.right_size),
}

namespace = Collection(*(task for tasks in DAILY.values() for task in tasks))
for name, tasks in NAMESPACES.items():
    namespace.add_collection(Collection(name, *tasks))

parsing.install()
listing.install(DAILY, NAMESPACES)
if {"invoke", "inv"} & {*Path(sys.argv[0]).parts[-2:]}:  # and not a test that imports this module
    environment.clean_up_or_restart()
    listing.forget_settings_of_the_user()
