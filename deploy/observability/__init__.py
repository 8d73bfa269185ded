"""What is watched in production: alert rules, their tests, and Grafana's dashboards by `python -m deploy.observability`."""
