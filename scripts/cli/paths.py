"""The folders and files of the repository, and those that the tasks generate."""

from pathlib import Path

REPO_ROOT = Path(__file__).parents[2]

INFRA = REPO_ROOT / "infra"
ENVIRONMENT_ROOTS = INFRA / "envs"
BOOTSTRAP_ROOT = INFRA / "bootstrap"
MONITORING_SOURCE = INFRA / "monitoring"
DASHBOARDS = MONITORING_SOURCE / "grafana" / "dashboards"
REQUIREMENTS = REPO_ROOT / "requirements"

DOCS = REPO_ROOT / "docs"
EVENT_DOCUMENTS = DOCS / "events"
API_DOCUMENT = DOCS / "openapi.yaml"
MEASURED_COUNTS_FILE = DOCS / "performance" / "deadlines.json"
MEASURED_RATES_FILE = DOCS / "performance" / "rates.json"

SCRIPTS = REPO_ROOT / "scripts"
SEED_FILE = SCRIPTS / "inventory-seed.json"
ORDER_EVENTS_FILE = SCRIPTS / "order-service-events.json"
PRICES_FILE = SCRIPTS / "measure" / "prices.json"
BASELINE_FILE = SCRIPTS / "measure" / "baseline.json"
CAPACITY_PARAMETERS_FILE = SCRIPTS / "measure" / "capacity" / "parameters.json"
COLD_START_PROBE = SCRIPTS / "measure" / "cold_probe.py"

DIST = REPO_ROOT / "dist"
"""The packages of the functions, a folder per target."""
LOCAL_FOLDER = REPO_ROOT / ".local"
"""Everything else that tasks generate. They can generate it again, except AWS_STATE_FOLDER."""
AWS_STATE_FOLDER = LOCAL_FOLDER / "aws"
"""Plans and state of real accounts, a folder per environment."""
MONITORING_FOLDER = "monitoring"
"""The folder, within that of an environment, of the Prometheus and Alertmanager that watch it."""
