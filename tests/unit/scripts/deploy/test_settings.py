"""Settings that Terraform would ignore silently are refused, with the form that works."""

from pathlib import Path

import pytest

from scripts.cli.errors import UserError
from scripts.deploy import planning, settings
from scripts.deploy.target import Target


def refusal(environment: str = "dev", **environ: str) -> str:
    with pytest.raises(UserError) as refused:
        settings.check(Target("local", environment, environ=environ))
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("payment_success_rate", "0.5", '{"payment_success_rate": 0.5}'),
        ("log_level", "DEBUG", '{"log_level": "DEBUG"}'),
        ("alert_channels", '["slack"]', '{"alert_channels": ["slack"]}'),
    ],
)
def test_a_setting_in_a_variable_of_its_own_is_refused_with_the_form_that_works(
    name: str, value: str, form: str
) -> None:
    said = refusal(**{f"TF_VAR_{name}": value})

    assert said.startswith(f"TF_VAR_{name}: no longer read")
    assert said.endswith(f"TF_VAR_settings='{form}'")


def test_the_form_that_works_keeps_the_other_settings() -> None:
    said = refusal(TF_VAR_memory_mb="512", TF_VAR_settings='{"batch_size": 5}')

    assert said.endswith('TF_VAR_settings=\'{"batch_size": 5, "memory_mb": 512}\'')


@pytest.mark.parametrize("name", ["settings", "memory_mb"])
@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_a_setting_that_staging_or_production_would_ignore_is_refused(environment: str, name: str) -> None:
    assert f"infra/envs/{environment}/main.tf" in refusal(environment, **{f"TF_VAR_{name}": "{}"})


def test_what_terraform_reads_and_what_is_no_setting_is_accepted() -> None:
    environ = {
        "TF_VAR_settings": '{"memory_mb": 512}',
        "TF_VAR_kms_key_arn": "arn:k",
        "TF_VAR_emails": "a",
        "HOME": "/",
    }

    settings.check(Target("local", "dev", environ=environ))


def test_a_setting_in_a_file_of_variables_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "root_of", lambda _: tmp_path)
    monkeypatch.setattr(settings, "REPO_ROOT", tmp_path)
    (tmp_path / "variables.tf").write_text('variable "settings" {\n}\n')
    (tmp_path / "terraform.tfvars").write_text('region = "x"\nmonitoring_enabled = true\n')

    assert refusal().startswith("monitoring_enabled in terraform.tfvars: no longer read")


def test_a_plan_is_not_made_with_a_setting_that_would_be_ignored() -> None:
    target = Target("local", "dev", environ={"TF_VAR_payment_success_rate": "0.5"})

    for make in (planning.plan, planning.find_drift):
        with pytest.raises(UserError, match="TF_VAR_payment_success_rate"):
            make(target)
