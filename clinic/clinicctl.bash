source <(clinicctl completion bash)
