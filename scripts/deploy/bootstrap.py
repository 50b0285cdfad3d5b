"""Make the bucket for Terraform's state, which a plan needs, and the access of GitHub Actions."""

from scripts.cli.console import out
from scripts.cli.errors import UserError
from scripts.cli.paths import BOOTSTRAP_ROOT, REPO_ROOT
from scripts.deploy import github_access
from scripts.deploy.remote_state import state_bucket, state_bucket_exists
from scripts.deploy.target import Target
from scripts.deploy.terraform import Terraform
from scripts.deploy.turns import one_at_a_time


@one_at_a_time
def bootstrap(target: Target, github_repository: str | None = None) -> None:
    """Make the bucket for Terraform's state, and the roles for GitHub Actions if a repository is named."""
    bucket = state_bucket(target)
    # The prefix names the account: an environment may be in several.
    state = target.state_folder / f"{target.prefix}-bootstrap.tfstate"
    # With a state file the bucket is ours, perhaps half made. Without one, somebody else has made it.
    if not state.exists() and state_bucket_exists(target):
        if github_repository is not None:
            raise UserError(
                f"the state bucket {bucket} was made elsewhere: do this where {state.relative_to(REPO_ROOT)} is"
            )
        out.print(f"the state bucket {bucket} exists")
        return
    terraform = Terraform(BOOTSTRAP_ROOT, target)
    terraform.init({"path": str(state)})
    variables = {"prefix": target.prefix, "environment": target.environment, "region": target.region}
    plan_file = target.state_folder / "bootstrap.tfplan"
    try:
        terraform.plan(plan_file, variables | github_access.settings(target, terraform.outputs(), github_repository))
        terraform.apply(plan_file)
    finally:
        plan_file.unlink(missing_ok=True)
    out.print(f"the state bucket {bucket} is as it should be")
    github_access.show(target, terraform.outputs())
