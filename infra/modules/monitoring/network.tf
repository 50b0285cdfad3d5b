# A network of its own. Its tasks have public addresses, which costs less than a NAT gateway, and nobody can call them.
data "aws_availability_zones" "this" {
  #checkov:skip=CKV_AWS_394:The first two by name are taken, and a region's new zones come after them
  state = "available"
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:One task that nobody can call and that calls out by HTTPS alone; its servers log what they do
  cidr_block           = var.vpc_cidr_block
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = local.name }
}

# A default group admits its own members; with no rule it admits nobody.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "public" {
  for_each = { for index in range(2) : tostring(index) => data.aws_availability_zones.this.names[index] }

  vpc_id            = aws_vpc.this.id
  availability_zone = each.value
  cidr_block        = cidrsubnet(var.vpc_cidr_block, 4, tonumber(each.key))

  tags = { Name = "${local.name}-${each.value}" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id

  tags = { Name = local.name }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  tags = { Name = local.name }
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_security_group" "this" {
  name        = local.name
  description = "Prometheus and Grafana of ${var.environment}"
  vpc_id      = aws_vpc.this.id

  tags = { Name = local.name }
}

resource "aws_vpc_security_group_ingress_rule" "allowed" {
  for_each = {
    for pair in setproduct(var.allowed_cidr_blocks, [local.grafana_port, local.prometheus_port]) :
    "${pair[0]} ${pair[1]}" => { cidr_block = pair[0], port = pair[1] }
  }

  security_group_id = aws_security_group.this.id
  description       = "Named in allowed_cidr_blocks"
  cidr_ipv4         = each.value.cidr_block
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "https" {
  security_group_id = aws_security_group.this.id
  description       = "The metrics endpoint, AWS, image registries and webhooks"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
