"""The local stack as child processes: broker, Valkey, MLflow. For the demo and for tests, no Docker and no JVM."""
