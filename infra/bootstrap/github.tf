# What GitHub Actions may do here: nobody unless a repository is named. A job gets a role for GitHub's own token of it.
data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  for_github = var.github_repository == null ? toset([]) : toset(["this"])

  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  issuer     = "token.actions.githubusercontent.com"
  role_name  = "pulsequeue-${var.environment}" # not {environment}-*: the deploying role must not reach itself

  provider_arn = "arn:${local.partition}:iam::${local.account_id}:oidc-provider/${local.issuer}"

  # Who is a job, as GitHub says it in `sub`: https://docs.github.com/en/actions/reference/security/oidc
  subjects = {
    plan   = "repo:${coalesce(var.github_repository, "-")}:ref:refs/heads/release/*"
    deploy = "repo:${coalesce(var.github_repository, "-")}:environment:${var.environment}"
  }
}

# An account has one, which all its environments and repositories share: it stays when this environment's roles go.
resource "aws_iam_openid_connect_provider" "github" {
  for_each = var.create_github_provider ? toset(["this"]) : toset([])

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  #checkov:skip=CKV_AWS_358:The repository is a variable, without which no role is made; a test tries the roles as other repositories and branches
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = endswith(each.value, "*") ? "StringLike" : "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [each.value]
    }

    # `sub` names the GitHub environment and no branch, and GitHub makes an environment that nobody set up, with no limits.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
    condition {
      test     = "StringLike"
      variable = "${local.issuer}:ref"
      values   = ["refs/heads/release/*"]
    }
  }
}

resource "aws_iam_role" "plan" {
  for_each = local.for_github

  name                 = "${local.role_name}-plan"
  description          = "GitHub Actions on a release branch: reads what Terraform plans from."
  assume_role_policy   = data.aws_iam_policy_document.trust["plan"].json
  max_session_duration = 3600

  depends_on = [aws_iam_openid_connect_provider.github]
}

# Who applies has to read the same.
resource "aws_iam_policy" "plan" {
  for_each = local.for_github

  name        = "${local.role_name}-plan"
  description = "Read what Terraform plans from."
  policy      = data.aws_iam_policy_document.plan.json
}

resource "aws_iam_role_policy_attachment" "plan" {
  for_each = local.for_github

  role       = aws_iam_role.plan[each.key].name
  policy_arn = aws_iam_policy.plan[each.key].arn
}

resource "aws_iam_role" "deploy" {
  for_each = local.for_github

  name                 = "${local.role_name}-deploy"
  description          = "GitHub Actions in the GitHub environment ${var.environment}: makes what Terraform planned."
  assume_role_policy   = data.aws_iam_policy_document.trust["deploy"].json
  max_session_duration = 3600

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = local.for_github

  role       = aws_iam_role.deploy[each.key].name
  policy_arn = aws_iam_policy.plan[each.key].arn
}

resource "aws_iam_role_policy" "deploy" {
  for_each = local.for_github

  name   = "deploy"
  role   = aws_iam_role.deploy[each.key].name
  policy = data.aws_iam_policy_document.deploy.json
}

resource "aws_iam_policy" "users" {
  for_each = local.for_github

  name        = "${local.role_name}-users"
  description = "Make the user pool that Terraform planned."
  policy      = data.aws_iam_policy_document.users.json
}

resource "aws_iam_role_policy_attachment" "users" {
  for_each = local.for_github

  role       = aws_iam_role.deploy[each.key].name
  policy_arn = aws_iam_policy.users[each.key].arn
}

resource "aws_iam_policy" "boundary" {
  for_each = local.for_github

  name        = "${local.role_name}-boundary"
  description = "The most that a function of ${var.environment} may ever do, whatever its own role says."
  policy      = data.aws_iam_policy_document.boundary.json
}
