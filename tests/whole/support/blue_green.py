"""The quickstart with a blue/green deployment: a second target group, and a role that moves the traffic."""

from __future__ import annotations

from tests.whole.support.environment import Environment

_GREEN = """
apiVersion: ecsync/v1
resources:
  TargetGroup/green:
    Name: quickstart-green
    Protocol: HTTP
    Port: 80
    TargetType: ip
    VpcId: ${Network/main}
  Role/shift:
    RoleName: quickstart-shift
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs.amazonaws.com}, Action: sts:AssumeRole}]
"""
_BALANCER = '      - {targetGroupArn: "${TargetGroup/web}", containerName: web, containerPort: 80}\n'
CIRCUIT_BREAKER = "      deploymentCircuitBreaker: {enable: true, rollback: true}\n"


def deploy_blue_green(environment: Environment, rule: str, more: str = "") -> None:
    """Declare blue/green for the service: `rule` is the reference to what moves, `more` follows the strategy."""
    balancer = f"""      - targetGroupArn: ${{TargetGroup/web}}
        containerName: web
        containerPort: 80
        advancedConfiguration:
          alternateTargetGroupArn: ${{TargetGroup/green}}
          productionListenerRule: {rule}
          roleArn: ${{Role/shift.arn}}
"""
    (environment.manifests / "green.yaml").write_text(_GREEN)
    environment.edit(_BALANCER, balancer)
    environment.edit(CIRCUIT_BREAKER, "      strategy: BLUE_GREEN\n      bakeTimeInMinutes: 1\n" + more)
