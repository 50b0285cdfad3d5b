"""The AWS service of a type of resource."""

# The longest prefix counts.
_SERVICES = {
    "aws_api_gateway": "API Gateway",
    "aws_apigatewayv2": "API Gateway",
    "aws_backup": "Backup",
    "aws_budgets": "Budgets",
    "aws_cloudwatch": "CloudWatch",
    "aws_cloudwatch_event": "EventBridge",
    "aws_cloudwatch_log": "CloudWatch Logs",
    "aws_cloudwatch_query": "CloudWatch Logs",
    "aws_cognito": "Cognito",
    "aws_dynamodb": "DynamoDB",
    "aws_ecr": "ECR",
    "aws_ecs": "ECS",
    "aws_efs": "EFS",
    "aws_iam": "IAM",
    "aws_kms": "KMS",
    "aws_lambda": "Lambda",
    "aws_pipes": "EventBridge",
    "aws_s3": "S3",
    "aws_scheduler": "EventBridge",
    "aws_secretsmanager": "Secrets Manager",
    "aws_sns": "SNS",
    "aws_sqs": "SQS",
    "aws_ssm": "SSM",
    "aws_service_discovery": "Cloud Map",
    "aws_lb": "Load Balancing",
    "aws_wafv2": "WAF",
    "aws_acm": "ACM",
    "aws_eip": "VPC",
    "aws_default": "VPC",
    "aws_internet_gateway": "VPC",
    "aws_nat_gateway": "VPC",
    "aws_route": "VPC",
    "aws_security_group": "VPC",
    "aws_subnet": "VPC",
    "aws_vpc": "VPC",
    "aws_route53": "Route 53",
    "aws_flow_log": "VPC",
}


def service_of(kind: str) -> str:
    fitting = [beginning for beginning in _SERVICES if kind.startswith(beginning)]
    return _SERVICES[max(fitting, key=len)] if fitting else kind.split("_")[1 if "_" in kind else 0]
