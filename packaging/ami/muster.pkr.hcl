# An ECS-optimized AMI with muster in it; here:
#   packer init . && packer build -var package=../../dist/muster-VERSION-1.x86_64.rpm -var package_sha256=SHA256 .
# SHA256 is in muster-VERSION-SHA256SUMS, whose signature scripts/install --download verifies.
packer {
  required_plugins {
    amazon = { source = "github.com/hashicorp/amazon", version = "= 1.3.2" }
  }
}

variable "package" {
  type        = string
  description = "The rpm that make package built, for the architecture."
}

variable "package_sha256" {
  type        = string
  description = "Its checksum, from the signed SHA256SUMS of the release."
  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.package_sha256))
    error_message = "The checksum has 64 hexadecimal digits."
  }
}

variable "base_ami" {
  type        = string
  default     = null
  description = "The ECS-optimized AMI to start from. By default the latest that AWS recommends, which changes: name one for builds that can be repeated."
}

variable "architecture" {
  type    = string
  default = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture must be x86_64 or arm64."
  }
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "subnet_id" {
  type    = string
  default = null
}

data "amazon-parameterstore" "base" {
  region = var.region
  name   = "/aws/service/ecs/optimized-ami/amazon-linux-2023/${var.architecture == "arm64" ? "arm64/" : ""}recommended/image_id"
}

source "amazon-ebs" "ecs" {
  region          = var.region
  subnet_id       = var.subnet_id
  source_ami      = var.base_ami != null ? var.base_ami : data.amazon-parameterstore.base.value
  instance_type   = var.architecture == "arm64" ? "t4g.small" : "t3.small"
  ami_name        = "ecs-muster-${var.architecture}-{{timestamp}}"
  ami_description = "ECS-optimized Amazon Linux 2023 with muster"
  ssh_username    = "ec2-user"
  imds_support    = "v2.0"

  # Packer's own key would open every instance of the image.
  ssh_clear_authorized_keys = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  tags = {
    muster = "baked"
  }
}

build {
  sources = ["source.amazon-ebs.ecs"]

  provisioner "file" {
    source      = var.package
    destination = "/tmp/muster.rpm"
  }

  # Enabled, muster-bootstrap.service joins every instance to the cluster of its
  # tag muster:cluster; leave that line out where user data runs muster.
  provisioner "shell" {
    inline = [
      "echo '${var.package_sha256}  /tmp/muster.rpm' | sha256sum -c --quiet",
      "sudo dnf install -y /tmp/muster.rpm",
      "sudo systemctl enable muster-bootstrap.service",
      "rm /tmp/muster.rpm",
      "sudo /usr/share/muster/clean-image",
      "sudo /usr/share/muster/assert-image-clean",
    ]
  }
}
