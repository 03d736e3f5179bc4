// A stream module for the tests of the harness: adds add_i to each lane, and misbehaves as fault_i says:
// 1 keeps the last beat to itself, 2 changes a beat that waits, 3 gives the last beat twice, 4 raises error_o at the
// end of a packet.
`default_nettype none

module clumsy #(
    parameter integer Lanes = 3
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [        2:0] fault_i,
    input  wire [       11:0] add_i,

    input  wire [12*Lanes-1:0] s_axis_tdata,
    input  wire [        4:0] s_axis_tuser,
    input  wire               s_axis_tvalid,
    output wire               s_axis_tready,
    input  wire               s_axis_tlast,

    output wire [12*Lanes-1:0] m_axis_tdata,
    output wire [        4:0] m_axis_tuser,
    output wire               m_axis_tvalid,
    input  wire               m_axis_tready,
    output wire               m_axis_tlast,

    output wire               taken_o,
    output wire [       11:0] lane0_o,
    output reg                error_o
);
  reg valid_q, last_q, again_q;
  reg [4:0] user_q;
  reg [12*Lanes-1:0] data_q;

  assign s_axis_tready = !valid_q || (m_axis_tready && !again_q);
  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata = data_q;
  assign m_axis_tuser = user_q;
  assign m_axis_tlast = last_q;
  assign taken_o = s_axis_tvalid && s_axis_tready;
  assign lane0_o = s_axis_tdata[11:0];

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      again_q <= 1'b0;
      error_o <= 1'b0;
    end else begin
      if (s_axis_tready) valid_q <= s_axis_tvalid && !(fault_i == 3'd1 && s_axis_tlast);
      if (taken_o) again_q <= fault_i == 3'd3 && s_axis_tlast;
      else if (m_axis_tready) again_q <= 1'b0;
      if (taken_o && s_axis_tlast) error_o <= fault_i == 3'd4;
    end
    if (taken_o) begin
      last_q <= s_axis_tlast;
      user_q <= s_axis_tuser;
    end else if (fault_i == 3'd2) begin
      user_q <= user_q + 5'd1;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      always @(posedge clk_i) if (taken_o) data_q[12*lane+:12] <= s_axis_tdata[12*lane+:12] + add_i;
    end
  endgenerate
endmodule

`default_nettype wire
